import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../../scripts/s3-server.js', import.meta.url))

/** The servers that scripts/s3-server.js can start. */
export type S3Kind = 'ceph' | 'swift'

/** How a client reaches a server. */
export interface S3Access {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface S3Server extends S3Access {
  /** Ends it, and waits until nothing of it is left. */
  stop(): Promise<void>
}

/** Starts a server of its own, which ends with this process at the latest. Seconds. */
export async function startS3(kind: S3Kind): Promise<S3Server> {
  const child = spawn(process.execPath, [PROGRAM, kind, '--while-stdin'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000)
  })
  child.stdin.on('error', () => undefined)
  const found = new Map<string, string>()
  for await (const line of createInterface(child.stdout)) {
    const [name = '', value = ''] = line.split(/=(.*)/s, 2)
    found.set(name, value)
    if (name === 'AWS_SECRET_ACCESS_KEY') break
  }
  const variable = (name: string): string => {
    const value = found.get(name)
    if (value === undefined) throw new Error(`${kind} did not start: ${said}`)
    return value
  }
  return {
    endpoint: variable('AWS_ENDPOINT_URL'),
    region: variable('AWS_REGION'),
    accessKeyId: variable('AWS_ACCESS_KEY_ID'),
    secretAccessKey: variable('AWS_SECRET_ACCESS_KEY'),
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
