import { readFile } from 'node:fs/promises'
import { Complaint } from './complaint.ts'

/**
 * The secrets in a file, one a line. It must be UTF-8: a lenient reader makes the same character, of three bytes, of whatever is no
 * text, so that a short secret would pass for a long one, and one random secret for another. A mark that editors put in front is left out.
 * @param what names the file to the operator
 * @throws Complaint if it cannot be read, has none, or is no text
 */
export async function readSecrets(path: string, what: string): Promise<readonly string[]> {
  const lines = strictly(await readBytes(path, what), path)
    .split(/\r?\n/)
    .filter((line) => line !== '')
  if (lines.length === 0) throw new Complaint(`cannot use ${path}: it is empty; choose another ${what}`, 1)
  return lines
}

/**
 * A certificate or key in PEM, around which there may be comments in any encoding.
 * @throws Complaint if it cannot be read
 */
export async function readPem(path: string, what: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(path, what))
}

function strictly(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const advice = 'openssl rand -base64 32 makes a secret that is'
    throw new Complaint(`cannot use ${path}: it is no text in UTF-8; ${advice}`, 1, { cause })
  }
}

async function readBytes(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Complaint(`cannot read ${what}: ${reason}`, 1, { cause: error })
  }
}
