import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { S3StoreOptions } from '../../../../src/stores/s3/options.ts'
import type { UploadsOptions } from '../../../../src/uploads.ts'
import { service } from './service.ts'

const PROGRAM = fileURLToPath(new URL('../fixtures/server.mjs', import.meta.url))

export interface ChildPlan {
  /** How it reaches the service: a proxy, say. Default: directly. */
  readonly endpoint?: string
  readonly store: Omit<S3StoreOptions, 'client' | 'observer'>
  readonly uploads?: Partial<Pick<UploadsOptions, 'maxBufferedBytes' | 'networkTimeout'>>
}

/** What a server tells of its memory, in bytes. */
export interface ChildMemory {
  /** Of parts, now. */
  readonly buffered: number
  /** Of parts, as often as it was looked at: the most. */
  readonly most: number
  /** How many tails were put away. */
  readonly tails: number
}

/** An upload server over S3, in a process of its own. */
export interface Child {
  readonly pid: number
  /** `http://127.0.0.1:port` */
  readonly origin: string
  memory(): Promise<ChildMemory>
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>
}

/** Starts one; it ends with the test. */
export async function startChild(plan: ChildPlan): Promise<Child> {
  const settings = {
    service: { ...service(), ...(plan.endpoint !== undefined && { endpoint: plan.endpoint }) },
    store: plan.store,
    uploads: plan.uploads ?? {},
  }
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000)
  })
  // Who was killed is not there to be asked.
  child.stdin.on('error', () => undefined)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const next = await lines.next()
    if (next.done) throw new Error(`the server ended: ${said}`)
    return next.value
  }
  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(kill)
  const port = (await line()).replace('listening ', '')
  return {
    pid: child.pid ?? 0,
    origin: `http://127.0.0.1:${port}`,
    async memory() {
      child.stdin.write('\n')
      return JSON.parse(await line())
    },
    kill,
  }
}
