import { type Ended, type Running, run, type StartOptions, start } from './processes.ts'
import { tool } from './tools.ts'

/** One answer as curl reports it. */
export interface CurlAnswer {
  /** curl's own exit code: 0 if the transfer as such went well, whatever the status. */
  readonly exitCode: number
  /** HTTP status; 0 if there was no answer. */
  readonly status: number
  /** Bytes of the request body that were sent. */
  readonly sent: number
  /** Connections that were opened for it; 0 if one was used again. */
  readonly connects: number
  /** What `-v` shows of it. */
  readonly trace: string
  /** A response header field; null if it is absent. */
  header(name: string): string | null
}

/** Runs curl for one transfer; `body` is that of the answer, unless `-o` puts it elsewhere. */
export async function curl(args: readonly string[], options?: StartOptions): Promise<CurlAnswer & { body(): Buffer }> {
  const ended = await run(tool('curl'), commandLine([args]), options)
  const [answer] = answersOf(ended)
  if (answer === undefined) throw new Error(`curl reports nothing:\n${ended.stderr}`)
  return { ...answer, body: () => ended.stdout }
}

/** Runs one curl for several transfers in turn (`--next`), so that it may use a connection again. */
export async function curlInTurn(transfers: readonly (readonly string[])[]): Promise<CurlAnswer[]> {
  return answersOf(await run(tool('curl'), commandLine(transfers)))
}

/** Starts curl, to be killed in the middle. */
export function startCurl(args: readonly string[]): Promise<Running> {
  return start(tool('curl'), commandLine([args]))
}

/** Arguments that send a file (`-` for standard input) by PATCH. */
export function patch(url: string, offset: number, file: string, type = OCTETS['Content-Type']): string[] {
  return ['-X', 'PATCH', '-T', file, ...fields({ ...TUS, 'Content-Type': type, 'Upload-Offset': offset }), url]
}

/** Arguments that create an upload. Not to be joined with `-T`, which appends a file name to a URL that ends in `/`. */
export function post(url: string, wanted: Readonly<Record<string, string | number>>): string[] {
  return ['-X', 'POST', ...fields({ ...TUS, ...wanted }), url]
}

/** Arguments for header fields. */
export function fields(wanted: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(wanted).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
}

export const TUS = { 'Tus-Resumable': '1.0.0' }
export const OCTETS = { 'Content-Type': 'application/offset+octet-stream' }

const MARK = '@answer@'
const REPORT = `%{stderr}\\n${MARK} %{exitcode} %{http_code} %{size_upload} %{num_connects}\\n`

function commandLine(transfers: readonly (readonly string[])[]): string[] {
  const always = ['-sSv', '--noproxy', '*', '--max-time', '40', '-w', REPORT]
  return ['-q', ...transfers.flatMap((args, index) => [...(index > 0 ? ['--next'] : []), ...always, ...args])]
}

function answersOf(ended: Ended): CurlAnswer[] {
  return [...ended.stderr.matchAll(/([\s\S]*?)\n@answer@ (\d+) (\d+) (\d+) (\d+)\n/g)].map((found) => {
    const [, trace = '', ...numbers] = found
    const [exitCode = -1, status = -1, sent = -1, connects = -1] = numbers.map(Number)
    return {
      exitCode,
      status,
      sent,
      connects,
      trace,
      header: (name) => new RegExp(`^< ${name}: (.*?)\r?$`, 'im').exec(trace)?.[1] ?? null,
    }
  })
}
