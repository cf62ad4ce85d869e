import { describe, expect, it } from 'vitest'
import { KiB, MiB, seededBytes, temporaryFile } from '../support/bytes.ts'
import { curl, fields, patch, post, TUS } from '../support/curl.ts'
import { filesIn, startTusker } from '../support/tusker.ts'
import { ARRANGEMENTS, startNginx } from './support/proxy.ts'
import { expectLocation, expectTransferByCurl, expectTransferByTusJs } from './support/through.ts'

const flags = ['-behind-proxy']

describe.each(ARRANGEMENTS)('nginx that sends $fields, prefix $prefix, buffers requests: $buffered', (arrangement) => {
  it('lets tus-js-client upload, resume and download over HTTP/1.1', async () => {
    const server = await startTusker({ flags })
    await expectTransferByTusJs(server, await startNginx(server, arrangement), arrangement)
  })

  it('lets curl upload, resume and download over HTTP/2', async () => {
    const server = await startTusker({ flags })
    await expectTransferByCurl(server, await startNginx(server, arrangement), arrangement, '2')
  })
})

const streaming = ARRANGEMENTS.filter(({ buffered }) => !buffered)

describe.each(streaming)('nginx that sends $fields, prefix $prefix', (arrangement) => {
  it('lets parts be named as the client sees them', async () => {
    const server = await startTusker({ flags })
    const proxy = await startNginx(server, arrangement)
    const endpoint = `${proxy.origin}${arrangement.prefix}/files/`
    const through = ['--cacert', proxy.certificate]
    const urls: string[] = []
    for (const piece of ['hello ', 'world']) {
      const wanted = { 'Upload-Concat': 'partial', 'Upload-Length': piece.length }
      const url = (await curl([...through, ...post(endpoint, wanted)])).header('Location') ?? ''
      const sent = await curl([...through, ...patch(url, 0, await temporaryFile('piece', Buffer.from(piece)))])
      expect(sent).toMatchObject({ exitCode: 0, status: 204 })
      urls.push(url)
    }
    const final = await curl([...through, ...post(endpoint, { 'Upload-Concat': `final;${urls.join(' ')}` })])
    expect(final).toMatchObject({ exitCode: 0, status: 201 })
    const whole = await curl([...through, final.header('Location') ?? ''])
    expect(whole.body().toString()).toBe('hello world')
  })

  it('lets no client say what it does not say itself', async () => {
    const server = await startTusker({ flags })
    const proxy = await startNginx(server, arrangement)
    const forged = {
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'http',
      'X-Forwarded-Port': '1',
      'X-Forwarded-Prefix': '/evil',
      'X-Forwarded-For': '192.0.2.1',
      Forwarded: 'for=192.0.2.1;host=evil.example;proto=http',
    }
    const endpoint = `${proxy.origin}${arrangement.prefix}/files/`
    const args = post(endpoint, { 'Upload-Length': 1, ...forged })
    const created = await curl(['--cacert', proxy.certificate, ...args])
    expectLocation(created.header('Location'), proxy.origin, arrangement)
  })
})

describe('nginx with the limit on bodies that it has by default', () => {
  const arrangement = { fields: 'X-Forwarded-*', prefix: '', buffered: false } as const

  it('answers 413 by itself, and takes an upload in pieces that are smaller', async () => {
    const server = await startTusker({ flags })
    const proxy = await startNginx(server, arrangement, ['client_max_body_size 0;'])
    const through = ['--cacert', proxy.certificate]
    const content = seededBytes(12, 2 * MiB)
    const wanted = { 'Upload-Length': content.length }
    const url = (await curl([...through, ...post(`${proxy.origin}/files/`, wanted)])).header('Location') ?? ''
    const refused = await curl([...through, ...patch(url, 0, await temporaryFile('whole.bin', content))])
    expect(refused.status).toBe(413)
    expect(refused.header('Tus-Resumable')).toBeNull()
    expect(refused.body().toString()).not.toContain('ERR_')
    for (let at = 0; at < content.length; at += 512 * KiB) {
      const piece = await temporaryFile('piece.bin', content.subarray(at, at + 512 * KiB))
      expect(await curl([...through, ...patch(url, at, piece)])).toMatchObject({ exitCode: 0, status: 204 })
    }
    const head = await curl([...through, '-I', ...fields(TUS), url])
    expect(head.header('Upload-Offset')).toBe(String(content.length))
    expect(await filesIn(server)).toHaveLength(2)
  })
})
