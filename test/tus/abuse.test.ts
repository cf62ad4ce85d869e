import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Log } from '../../src/core/log.ts'
import { attack, newToll, pool } from '../abuse/attack.ts'
import { hostileRequest } from '../abuse/requests.ts'
import { suiteRandom } from '../heavy/support/random.ts'
import { fetchDoor } from './support/fetch-door.ts'
import { nodeDoor } from './support/node-door.ts'
import { host, type Site } from './support/site.ts'
import { MADE_FILE } from './support/stores.ts'

const REQUESTS = 1000
/** Milliseconds; a second or two on a machine that does nothing else. */
const PATIENCE = 240_000

/** Keeps what it is told at the levels that ask an operator to do something. */
function complaints() {
  const kept: string[] = []
  const keep = (level: string) => (event: string, fields?: unknown, cause?: unknown) =>
    void kept.push(`${level} ${event} ${JSON.stringify(fields)} ${String(cause)}`)
  const log: Log = { debug: () => undefined, info: () => undefined, warn: keep('warn'), error: keep('error') }
  return { kept, log }
}

async function targetsOf(site: Site): Promise<readonly string[]> {
  const urls = [
    await site.create({ 'Upload-Length': '5' }, 'hello'),
    await site.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial' }, 'hello'),
    await site.create({ 'Upload-Length': '500' }, 'hello'),
    await site.create({ 'Upload-Defer-Length': '1' }),
  ]
  return urls.map((url) => new URL(url).pathname)
}

/** Nothing beside the folder of the uploads, and in it nothing but uploads. */
async function expectTidy(site: Site): Promise<void> {
  expect(await readdir(dirname(site.directory))).toEqual(['store'])
  expect((await site.files()).filter((name) => !MADE_FILE.test(name))).toEqual([])
}

describe('hostile requests', () => {
  const heard = complaints()
  const raw = host(nodeDoor, { log: heard.log, networkTimeout: 20_000, maxSize: 1_000_000 })
  const direct = host(fetchDoor, { log: heard.log, maxSize: 1_000_000 })

  it(`${REQUESTS} of them on raw connections bring no fault of ours through the node door`, {
    timeout: PATIENCE,
  }, async () => {
    const random = suiteRandom('abuse, node door')
    const targets = pool(random.fork('pool'), await targetsOf(raw))
    const toll = newToll()
    // A bare http.Server answers broken framing before what was asked first, so no sound requests here.
    const port = Number(new URL(raw.origin).port)
    await attack({ port, targets, random, count: REQUESTS, lanes: 16, sound: 0 }, toll)
    expect(toll.faults).toEqual([])
    expect(heard.kept).toEqual([])
    expect(await raw.content(await raw.create({ 'Upload-Length': '5' }, 'hello'))).toBe('hello')
    await expectTidy(raw)
  })

  it(`${REQUESTS} of them bring no fault of ours through the Fetch door`, { timeout: PATIENCE }, async () => {
    const random = suiteRandom('abuse, Fetch door')
    const targets = pool(random.fork('pool'), await targetsOf(direct))
    let answered = 0
    while (answered < REQUESTS) {
      const request = fetchRequest(
        hostileRequest(random.fork(`${answered}`), '/files/', targets.pick, 'uploads.example'),
      )
      answered++
      if (request === null) continue
      const response = await direct.uploads.fetch(request)
      const text = await response.text()
      expect(
        response.status < 500 || response.status === 501,
        `${random.seed} ${request.method} ${request.url} ${text}`,
      ).toBe(true)
    }
    expect(heard.kept).toEqual([])
    expect(await direct.content(await direct.create({ 'Upload-Length': '5' }, 'hello'))).toBe('hello')
    await expectTidy(direct)
  })
})

/** As a runtime would hand it over; null for what it would have refused itself. */
function fetchRequest({ method, target, fields, body }: ReturnType<typeof hostileRequest>): Request | null {
  try {
    const headers = new Headers()
    for (const [name, value] of fields) headers.append(name, value)
    const bodiless = /^(GET|HEAD)$/i.test(method)
    return new Request(new URL(target, 'http://uploads.example'), {
      method,
      headers,
      ...(!bodiless && body.length > 0 && { body: new Uint8Array(body) }),
    })
  } catch {
    return null
  }
}
