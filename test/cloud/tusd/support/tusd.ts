import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { inject, vi } from 'vitest'
import { BUCKET, type Room } from '../../support/room.ts'
import { type TusClient, tusClient } from './client.ts'

export interface Tusd extends TusClient {
  /** As a crash would. */
  kill(): Promise<void>
}

/** The real one, which has to be on PATH, on the bucket and the prefix of a room. */
export async function startTusd({ prefix }: Room): Promise<Tusd> {
  const { endpoint, region, accessKeyId, secretAccessKey } = inject('s3')
  const port = await freePort()
  const s3 = ['-s3-bucket', BUCKET, '-s3-endpoint', endpoint, '-s3-object-prefix', prefix, '-s3-part-size', '5242880']
  const child = spawn('tusd', ['-host', '127.0.0.1', '-port', `${port}`, ...s3], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000)
    })
  }
  const kill = () => killed(child)
  const origin = `http://127.0.0.1:${port}`
  const client = tusClient(origin, fetch)
  await vi
    .waitFor(() => client.ask('OPTIONS', '/files/'), 30_000)
    .catch(async () => {
      await kill()
      throw new Error(`tusd did not start: ${said}`)
    })
  return { ...client, kill }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('there is no port')
  return address.port
}
