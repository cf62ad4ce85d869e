import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { runScript } from './support.ts'

const script = runScript('test/examples/fixtures/eaten.js')

const TUS = { 'Tus-Resumable': '1.0.0' }
const BYTES = { ...TUS, 'Content-Type': 'application/offset+octet-stream' }
/** JSON, so that a parser of JSON takes it. */
const body = '{"a":"some bytes"}'

/** A server with its uploads. */
interface Site {
  readonly name: string
  readonly url: string
  readonly directory: string
}

function siteOf(name: string): Site {
  return { name, url: script.url(name), directory: join(script.folder, name.replaceAll(/\W+/g, '-')) }
}

/** What its upload server logged. */
function events(site: Site): readonly Record<string, unknown>[] {
  const lines = script
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ name }) => name === site.name)
}

async function create(site: Site): Promise<string> {
  const headers = { ...TUS, 'Upload-Length': String(body.length), 'Content-Length': '0' }
  const answer = await fetch(site.url, { method: 'POST', headers })
  expect(answer.status).toBe(201)
  return new URL(answer.headers.get('Location') ?? '', site.url).href
}

/** Sends the bytes of an upload, with Content-Length or in chunks of unknown length. */
function patch(url: string, announced: boolean): Promise<Response> {
  const source = announced ? body : Readable.toWeb(Readable.from([Buffer.from(body)]))
  const init = { method: 'PATCH', headers: { ...BYTES, 'Upload-Offset': '0' }, body: source, duplex: 'half' as const }
  return fetch(url, init)
}

async function offsetOf(url: string): Promise<string | null> {
  return (await fetch(url, { method: 'HEAD', headers: TUS })).headers.get('Upload-Offset')
}

/** Bytes of all uploads on disk. */
function stored({ directory }: Site): string {
  const names = readdirSync(directory).filter((name) => /^[0-9a-f]{32}$/.test(name))
  return names.map((name) => readFileSync(join(directory, name), 'utf8')).join('')
}

describe.each([
  'node:http, a listener that reads',
  'Express, express.raw for every type',
  'Express, express.text for every type',
  'Express, express.json for every type',
  'Fastify, a parser of buffers for every type',
  'Koa, a parser in front',
  'Hono, c.req.arrayBuffer()',
  'Hono, c.req.raw.text()',
  'Hono, a reader of c.req.raw.body',
])('a body that was read before: %s', (name) => {
  it('is refused with ERR_BODY_CONSUMED, with a hint in the log, and nothing is stored', async () => {
    const site = siteOf(name)
    const url = await create(site)
    for (const announced of [true, false]) {
      const answer = await patch(url, announced)
      expect(answer.status).toBe(500)
      expect(await answer.text()).toMatch(/^ERR_BODY_CONSUMED: /)
      expect(await offsetOf(url)).toBe('0')
    }
    const withData = await fetch(site.url, {
      method: 'POST',
      headers: { ...BYTES, 'Upload-Length': String(body.length) },
      body,
    })
    expect(withData.status).toBe(500)
    expect(await withData.text()).toMatch(/^ERR_BODY_CONSUMED: /)
    expect(stored(site)).toBe('')
    await vi.waitFor(() => {
      expect(events(site)).toHaveLength(3)
      for (const event of events(site)) {
        expect(event).toMatchObject({ event: 'request.failed', code: 'body_consumed', status: 500 })
        expect(event['hint']).toMatch(/before/)
      }
    }, 60_000)
  })
})

describe('a parser that does not read the bytes of uploads', () => {
  it('does no harm: express.json takes JSON only', async () => {
    const site = siteOf('Express, express.json')
    const url = await create(site)
    expect((await patch(url, true)).status).toBe(204)
    expect(stored(site)).toBe(body)
  })

  it('is refused by Fastify itself, with 415, if no parser of its own knows the type', async () => {
    const site = siteOf('Fastify, its own parsers')
    const url = await create(site)
    const answer = await patch(url, true)
    expect(answer.status).toBe(415)
    expect(await answer.text()).toContain('FST_ERR_CTP_INVALID_MEDIA_TYPE')
    expect(await offsetOf(url)).toBe('0')
  })
})
