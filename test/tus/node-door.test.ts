import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { memoryStore } from '../../src/stores/memory.ts'
import { createUploads, type Uploads } from '../../src/uploads.ts'
import { altered } from '../support/engine.ts'

const TUS = { 'Tus-Resumable': '1.0.0' }
const LATER = { timeout: 60_000 }

/** Serves, and notes for each request the state of its response when the promise of the door was settled. */
async function serve(uploads: Uploads) {
  const settled: { readonly status: number; readonly sent: boolean; readonly outcome: string }[] = []
  const server = createServer((request, response) => {
    const note = (outcome: string) => () =>
      settled.push({ status: response.statusCode, sent: response.writableEnded, outcome })
    uploads.node(request, response).then(note('resolved'), note('rejected'))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    await uploads.close(0)
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/files/`, settled }
}

it('the promise of the door for node:http resolves once the answer is on its way, whatever it is', async () => {
  const { url, settled } = await serve(await createUploads({ store: memoryStore() }))
  const headers = { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Length': '5' }
  const created = await fetch(url, { method: 'POST', headers, body: 'hello' })
  expect(await (await fetch(created.headers.get('Location') ?? '')).text()).toBe('hello')
  await fetch(`${url}nothing-here`, { method: 'HEAD', headers: TUS })
  await expect
    .poll(() => settled)
    .toEqual([
      { status: 201, sent: true, outcome: 'resolved' },
      { status: 200, sent: true, outcome: 'resolved' },
      { status: 404, sent: true, outcome: 'resolved' },
    ])
})

it('the promise of the door for node:http resolves even where the answer breaks off', async () => {
  const store = altered(memoryStore(), () => ({
    // biome-ignore lint/correctness/useYield: it fails before its first batch
    async *read() {
      throw new Error('the disk is gone')
    },
  }))
  const { url, settled } = await serve(await createUploads({ store }))
  const headers = { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Length': '5' }
  const created = await fetch(url, { method: 'POST', headers, body: 'hello' })
  const download = async () => (await fetch(created.headers.get('Location') ?? '')).text()
  await expect(download()).rejects.toThrow()
  await expect.poll(() => settled.at(-1), LATER).toMatchObject({ sent: false, outcome: 'resolved' })
})
