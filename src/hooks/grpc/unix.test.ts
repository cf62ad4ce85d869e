import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { ask } from '../../../test/hooks/support/calls.ts'
import { hookServer } from '../../../test/hooks/support/grpc-server.ts'
import { grpcHooks } from '../grpc.ts'

const folder = mkdtempSync(join(tmpdir(), 'tusker-grpc-'))
afterAll(() => rmSync(folder, { recursive: true }))

it.each(['unix:', 'unix://'])('a server on a Unix socket is asked: %spath', async (scheme) => {
  const path = join(folder, `hooks${scheme.length}.sock`)
  const server = await hookServer(() => ({ stopUpload: true }), { address: `unix:${path}` })
  const hooks = grpcHooks({ address: `${scheme}${path}` })
  expect(await ask(hooks, 'postReceive')).toEqual({ reject: true })
  expect(server.calls[0]?.getHost()).toMatch(/^localhost:/)
  hooks.close()
  server.stop()
})

it.runIf(process.platform === 'linux')('so is one that has a name instead of a path', async () => {
  const name = folder.replaceAll('/', '-')
  const server = createServer().on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    // A message without a field
    stream.end(Buffer.alloc(5))
  })
  await once(server.listen({ path: `\0${name}` }), 'listening')
  const hooks = grpcHooks({ address: `unix-abstract:${name}` })
  expect(await ask(hooks, 'preCreate')).toEqual({})
  hooks.close()
  server.close()
})
