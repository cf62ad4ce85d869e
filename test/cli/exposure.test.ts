import { describe, expect, test, vi } from 'vitest'
import { patch, sample, TUS } from './client.ts'
import { newFolder, setUp, start } from './program.ts'

setUp()

const CREATE = { ...TUS, 'Upload-Length': '3' }
const THROUGH = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'up.example', 'X-Forwarded-Prefix': '/api' }

async function locationOf(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await fetch(url, { method: 'POST', headers: { ...CREATE, ...headers } })
  expect(answer.status).toBe(201)
  return answer.headers.get('Location') ?? ''
}

function preflight(url: string, origin: string): Promise<Response> {
  return fetch(url, { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'PATCH' } })
}

const words = (value: string | null) => (value ?? '').split(', ')

describe('-behind-proxy', () => {
  test('believes a proxy on this machine', async () => {
    const program = await start('-behind-proxy', '-upload-dir', newFolder())
    expect(await locationOf(program.url, THROUGH)).toMatch(/^https:\/\/up\.example\/api\/files\//)
    expect(await locationOf(program.url)).toContain(program.url)
    expect(program.output()).not.toContain('proxy.not_trusted')
  })

  test('believes nobody who is not among -trusted-proxies, and says so once', async () => {
    const program = await start('-behind-proxy', '-trusted-proxies', '192.0.2.1,private', '-upload-dir', newFolder())
    for (let round = 0; round < 3; round++) expect(await locationOf(program.url, THROUGH)).toContain(program.url)
    await vi.waitFor(() => expect(program.output()).toMatch(/proxy\.not_trusted.*127\.0\.0\.1/), 60_000)
    expect(program.output().match(/proxy\.not_trusted/g)).toHaveLength(1)
  })
})

test('-base-path with a host is served by its path and put into Location as a whole', async () => {
  const program = await start('-base-path', 'https://cdn.example.org/up/', '-upload-dir', newFolder())
  expect(new URL(program.url).pathname).toBe('/up/')
  const location = await locationOf(program.url)
  expect(location).toMatch(/^https:\/\/cdn\.example\.org\/up\/[0-9a-f]+$/)
  expect((await patch(new URL(new URL(location).pathname, program.url).href, 0, sample(3))).status).toBe(204)
})

describe('-cors-...', () => {
  test('allow some pages more than others', async () => {
    const lists = ['-cors-allow-methods', 'PUT', '-cors-allow-headers', 'X-In', '-cors-expose-headers', 'X-Out,X-Too']
    const who = ['-cors-allow-origin', '(?i)^https://APP\\.example$', '-cors-allow-credentials', '-cors-max-age', '60']
    const program = await start(...lists, ...who, '-upload-dir', newFolder())
    const { status, headers } = await preflight(program.url, 'https://app.example')
    expect(status).toBe(204)
    expect(headers.get('Access-Control-Allow-Origin')).toBe('https://app.example')
    expect(headers.get('Access-Control-Allow-Credentials')).toBe('true')
    expect(headers.get('Access-Control-Max-Age')).toBe('60')
    expect(words(headers.get('Access-Control-Allow-Methods'))).toEqual(expect.arrayContaining(['PUT', 'PATCH']))
    expect(words(headers.get('Access-Control-Allow-Headers'))).toEqual(
      expect.arrayContaining(['X-In', 'Upload-Offset']),
    )
    expect(words(headers.get('Access-Control-Expose-Headers'))).toEqual(
      expect.arrayContaining(['X-Out', 'X-Too', 'Location']),
    )
    expect((await preflight(program.url, 'https://app.example.org')).status).toBe(403)
    expect(program.output()).not.toContain('cors.')
  })

  test('-allow-origin without anchors is warned of at the start', async () => {
    const program = await start('-cors-allow-origin', 'app.example', '-upload-dir', newFolder())
    await vi.waitFor(() => expect(program.output()).toContain('cors.pattern_not_anchored'), 60_000)
    expect((await preflight(program.url, 'https://app.example.org')).status).toBe(204)
  })
})
