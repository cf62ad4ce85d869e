import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'
import { sha256OfFile, temporaryFolder } from './bytes.ts'
import { type Ended, start } from './processes.ts'

const PROGRAM = fileURLToPath(new URL('../../../bin/tusker.js', import.meta.url))

/** A server started by its real command line. */
export interface Tusker {
  /** Where uploads are created: `http://127.0.0.1:PORT/files/`. */
  readonly url: string
  readonly port: number
  readonly directory: string
  /** Ends it as a crash would (kill -9); resolves once it is gone. */
  kill(): Promise<void>
  /** Ends it as an operator would (SIGTERM). */
  stop(): Promise<Ended>
}

export interface TuskerOptions {
  /** Default: a new folder, removed when the test ends. */
  readonly directory?: string
  /** Default: any free one. */
  readonly port?: number
  readonly flags?: readonly string[]
}

/** Starts `tusker` and waits until it listens. It does not outlive the test. */
export async function startTusker(options: TuskerOptions = {}): Promise<Tusker> {
  const directory = options.directory ?? (await temporaryFolder())
  const args = ['-host', '127.0.0.1', '-port', String(options.port ?? 0), '-upload-dir', directory]
  const server = await start(process.execPath, [PROGRAM, ...args, ...(options.flags ?? [])])
  let gone: Ended | null = null
  void server.ended.then((ended) => {
    gone = ended
  })
  const url = await vi.waitFor(
    () => {
      const found = /listening on (http:\/\/127\.0\.0\.1:\d+\/files\/)/.exec(server.output())?.[1]
      if (found !== undefined || gone !== null) return found
      throw new Error('the server does not say where it listens')
    },
    { timeout: 60_000, interval: 10 },
  )
  if (url === undefined) throw new Error(`the server ended before it listened:\n${server.output()}`)
  return {
    url,
    port: Number(new URL(url).port),
    directory,
    async kill() {
      server.kill('SIGKILL')
      await server.ended
    },
    stop() {
      server.kill('SIGTERM')
      return server.ended
    },
  }
}

/** The file that holds the bytes of an upload. */
function fileOf(server: Tusker, uploadUrl: string): string {
  const id = new URL(uploadUrl).pathname.slice(new URL(server.url).pathname.length)
  return join(server.directory, id)
}

/** Names of all files that belong to uploads. The folder that the locker keeps for itself stays. */
export async function filesIn(server: Tusker): Promise<string[]> {
  return (await readdir(server.directory)).filter((name) => name !== '.locks')
}

/** Waits until the server has at least `bytes` bytes of uploads on disk; resolves to how many there are. */
export async function bytesOnDisk(server: Tusker, bytes: number): Promise<number> {
  return await vi.waitFor(
    async () => {
      const names = (await filesIn(server)).filter((name) => !name.endsWith('.info'))
      const files = await Promise.all(names.map((name) => stat(join(server.directory, name))))
      const total = files.reduce((sum, { size }) => sum + size, 0)
      expect(total).toBeGreaterThanOrEqual(bytes)
      return total
    },
    { timeout: 60_000, interval: 10 },
  )
}

/** Asserts that an upload holds exactly these bytes: by what HEAD says, as a download, and on disk. */
export async function expectStored(server: Tusker, uploadUrl: string, hash: string, length: number): Promise<void> {
  const url = new URL(new URL(uploadUrl).pathname, server.url)
  const head = await fetch(url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } })
  expect(head.headers.get('Upload-Offset')).toBe(String(length))
  expect(head.headers.get('Upload-Length')).toBe(String(length))
  expect(await sha256OfDownload(url)).toBe(hash)
  expect(await sha256OfFile(fileOf(server, uploadUrl))).toBe(hash)
}

async function sha256OfDownload(url: URL): Promise<string> {
  const response = await fetch(url)
  expect(response.status).toBe(200)
  const hash = createHash('sha256')
  if (response.body !== null) for await (const chunk of response.body) hash.update(chunk)
  return hash.digest('hex')
}
