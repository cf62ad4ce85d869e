import { expect, test } from 'vitest'
import { newFolder, setUp, start } from './program.ts'

setUp()

const post = (url: string, body: string, headers: Readonly<Record<string, string>>) =>
  fetch(url, { method: 'POST', headers, body })

test('the IETF draft is spoken without being asked for, and the start says in which versions', async () => {
  const { url, output } = await start('-upload-dir', newFolder())
  expect(output()).toMatch(/^IETF draft, interop versions: 3, 4, 5, 6, 8, 9$/m)
  expect(output()).not.toContain('experimental')
  const answer = await post(url, 'hello', { 'Upload-Complete': '?1' })
  expect([answer.status, answer.headers.get('Upload-Complete')]).toEqual([201, '?1'])
})

test('-enable-experimental-protocol is accepted, and the start says that it does nothing', async () => {
  const { output } = await start('-upload-dir', newFolder(), '-enable-experimental-protocol')
  expect(output()).toContain('\nflag -enable-experimental-protocol does nothing: the IETF draft is spoken anyway\n')
})

test('-disable-ietf turns it off', async () => {
  const { url, output } = await start('-upload-dir', newFolder(), '-disable-ietf', '-enable-experimental-protocol')
  expect(output()).not.toContain('IETF')
  expect((await post(url, 'hello', { 'Upload-Complete': '?1' })).status).toBe(412)
})

test('limits and conventional uploads follow from flags', async () => {
  const limits = ['-max-size', '1MiB', '-min-size', '10', '-max-append-size', '64KiB', '-min-append-size', '5']
  const { url } = await start('-upload-dir', newFolder(), ...limits, '-accept-plain-uploads')
  const options = await fetch(url, { method: 'OPTIONS' })
  expect(options.headers.get('Upload-Limit')).toBe(
    'max-size=1048576, min-size=10, max-append-size=65536, min-append-size=5',
  )
  const plain = await post(url, 'hello', { 'Content-Type': 'text/plain' })
  expect(plain.status).toBe(201)
  expect(await (await fetch(plain.headers.get('Location') ?? '')).text()).toBe('hello')
})
