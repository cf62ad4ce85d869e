import { SignJWT } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { jwtRights } from '../../src/rights/jwt.ts'
import { type Draft, draftOf } from '../ietf/support/draft.ts'
import type { Answer, Fields, Payload } from '../tus/support/answer.ts'
import { nodeDoor } from '../tus/support/node-door.ts'
import { host, OCTETS, type Site } from '../tus/support/site.ts'

const SECRET = 'a secret of thirty-two bytes, or a bit more'

async function as(user: string): Promise<Fields> {
  const token = new SignJWT({ sub: user }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h')
  return { Authorization: `Bearer ${await token.sign(new TextEncoder().encode(SECRET))}` }
}

const ANNA: Fields = await as('anna')
const BERT: Fields = await as('bert')
const NOBODY: Fields = {}
const INVALID: Fields = { Authorization: 'Bearer nonsense' }

/** What can be done to an upload, in words of one protocol. */
type Deed = readonly [name: string, method: string, fields: Fields, body?: Payload]

const TUS: readonly Deed[] = [
  ['HEAD', 'HEAD', {}],
  ['GET', 'GET', {}],
  ['DELETE', 'DELETE', {}],
  ['PATCH', 'PATCH', { 'Upload-Offset': '5', 'Content-Type': OCTETS }, 'world'],
  ['PATCH of nothing', 'PATCH', { 'Upload-Offset': '5', 'Content-Type': OCTETS }, ''],
  ['PATCH at a wrong offset', 'PATCH', { 'Upload-Offset': '7', 'Content-Type': OCTETS }, 'world'],
  ['PATCH of too much', 'PATCH', { 'Upload-Offset': '5', 'Content-Type': OCTETS }, 'x'.repeat(100)],
  ['PATCH with a length', 'PATCH', { 'Upload-Offset': '5', 'Upload-Length': '3', 'Content-Type': OCTETS }, 'world'],
  [
    'PATCH with a checksum',
    'PATCH',
    { 'Upload-Offset': '5', 'Upload-Checksum': 'sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'Content-Type': OCTETS },
    'world',
  ],
  ['an overridden DELETE', 'POST', { 'X-HTTP-Method-Override': 'DELETE' }],
]

const PARTIAL = { 'Content-Type': 'application/partial-upload' }

const DRAFT: readonly Deed[] = [
  ['HEAD', 'HEAD', {}],
  ['GET', 'GET', {}],
  ['DELETE', 'DELETE', {}],
  ['PATCH', 'PATCH', { 'Upload-Offset': '5', 'Upload-Complete': '?0', ...PARTIAL }, 'world'],
  ['PATCH that completes', 'PATCH', { 'Upload-Offset': '5', 'Upload-Complete': '?1', ...PARTIAL }, 'world'],
  ['PATCH at a wrong offset', 'PATCH', { 'Upload-Offset': '0', 'Upload-Complete': '?1', ...PARTIAL }, 'world'],
  ['PATCH of nothing', 'PATCH', { 'Upload-Offset': '5', 'Upload-Complete': '?1', ...PARTIAL }, ''],
]

const BARE: readonly Deed[] = [
  ['GET', 'GET', {}],
  ['HEAD', 'HEAD', {}],
  ['GET of a range', 'GET', { Range: 'bytes=0-1' }],
  ['conditional GET', 'GET', { 'If-None-Match': '*' }],
  ['DELETE', 'DELETE', {}],
  ['PATCH', 'PATCH', { 'Upload-Offset': '5', 'Content-Type': OCTETS }, 'world'],
]

/** All that a client sees of an answer, but for what names the request. */
function seen(answer: Answer, url: string): string {
  const fields = answer.fields.filter(([name]) => name !== 'date' && name !== 'x-request-id')
  return `${answer.status}\n${fields.map((field) => field.join(': ')).join('\n')}\n\n${answer.text}`.replaceAll(
    url,
    'URL',
  )
}

describe.each([404, 403] as const)('with refuseWith: %d', (refuseWith) => {
  const site = host(nodeDoor, { authorize: jwtRights({ secret: SECRET }), refuseWith })
  const newest = draftOf(site, 8)
  const oldest = draftOf(site, 3)
  const unknown = () => `${site.base}0123456789abcdef0123456789abcdef`

  const uploads = {
    'unfinished of tus': () => create(site, '10'),
    'of unknown length': () => site.create({ 'Upload-Defer-Length': '1', ...ANNA }, 'hello'),
    'finished of tus': () => create(site, '5'),
    partial: () => site.create({ 'Upload-Length': '10', 'Upload-Concat': 'partial', ...ANNA }, 'hello'),
    'unfinished of the draft': () => newest.create('?0', 'hello', ANNA),
    'finished of the draft': () => newest.create('?1', 'hello', ANNA),
  }

  const languages: readonly (readonly [string, readonly Deed[], Speaker])[] = [
    ['tus', TUS, (deed, url, who) => site.send(deed[1], url, { ...deed[2], ...who }, deed[3])],
    ['the draft', DRAFT, inDraft(newest)],
    ['an old draft', DRAFT, inDraft(oldest)],
    [
      'no protocol',
      BARE,
      (deed, url, who) => site.send(deed[1], url, { 'Tus-Resumable': null, ...deed[2], ...who }, deed[3]),
    ],
  ]

  describe.each(languages)('in words of %s', (_, deeds, speak) => {
    it.each(Object.entries(uploads))(
      'an upload (%s) of another looks like none, whatever is tried',
      async (_, make) => {
        const url = await make()
        const before = await site.stored(url)
        for (const deed of deeds) {
          for (const who of [BERT, NOBODY, INVALID]) {
            const foreign = await speak(deed, url, who)
            const missing = await speak(deed, unknown(), who)
            expect(seen(foreign, url), deed[0]).toBe(seen(missing, unknown()))
            expect(foreign.status, deed[0]).toBeGreaterThanOrEqual(400)
            // What is no request of the protocol is refused before anybody's rights matter
            if (who === BERT) expect([refuseWith, 400, 405, 412, 415], deed[0]).toContain(foreign.status)
            else expect([401, 400, 405, 412, 415], deed[0]).toContain(foreign.status)
          }
        }
        expect(await site.stored(url)).toEqual(before)
      },
    )
  })

  it('the plain deeds are refused for their rights, and their owner may do them', async () => {
    const url = await create(site, '10')
    for (const [name, method, fields, body] of TUS.slice(0, 4)) {
      const answers = [BERT, NOBODY, INVALID].map((who) => site.send(method, url, { ...fields, ...who }, body))
      const statuses = (await Promise.all(answers)).map(({ status }) => status)
      expect(statuses, name).toEqual([refuseWith, 401, 401])
    }
    for (const who of [BERT, NOBODY]) {
      const bare = await site.send('GET', url, { 'Tus-Resumable': null, ...who })
      const draft = await newest.send('HEAD', await newest.create('?0', 'hello', ANNA), who)
      const expected = who === BERT ? refuseWith : 401
      expect([bare.status, draft.status]).toEqual([expected, expected])
    }
    expect((await site.send('HEAD', url, ANNA)).header('upload-offset')).toBe('5')
    expect((await site.patch(url, 5, 'world', ANNA)).status).toBe(204)
    expect((await site.send('GET', url, ANNA)).text).toBe('helloworld')
    expect((await site.send('DELETE', url, ANNA)).status).toBe(204)
    // What is gone is, to others, what never was
    const gone = await site.send('HEAD', url, BERT)
    expect(seen(gone, url)).toBe(seen(await site.send('HEAD', unknown(), BERT), unknown()))
  })

  it('the challenge says what is wrong', async () => {
    const url = await create(site, '10')
    const challenge = async (who: Fields) => (await site.send('HEAD', url, who)).header('www-authenticate')
    expect(await challenge(NOBODY)).toBe('Bearer realm="tusker"')
    expect(await challenge(INVALID)).toBe(
      'Bearer realm="tusker", error="invalid_token", error_description="the token is malformed"',
    )
    expect(await challenge(BERT)).toBe(null)
    expect((await site.post({ 'Upload-Length': '5' })).status).toBe(401)
    expect((await newest.post('?1', 'hello')).status).toBe(401)
  })

  it('a part of another cannot be joined, nor told from one that is not there', async () => {
    const mine = await site.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial', ...BERT }, 'mine!')
    const foreign = await site.create({ 'Upload-Length': '5', 'Upload-Concat': 'partial', ...ANNA }, 'hello')
    const whole = await create(site, '5')
    const before = await site.files()
    const refused = refuseWith === 404 ? /^400/ : /^403/
    for (const [who, expected] of [[BERT, refused] as const, [NOBODY, /^401/] as const, [INVALID, /^401/] as const]) {
      const join = (url: string) => site.post({ 'Upload-Concat': `final;${mine} ${url}`, ...who })
      const missing = seen(await join(unknown()), unknown())
      for (const url of [foreign, whole]) expect(seen(await join(url), url)).toBe(missing)
      expect(missing).toMatch(expected)
    }
    expect(await site.files()).toEqual(before)
    const own = await site.post({ 'Upload-Concat': `final;${foreign}`, ...ANNA })
    expect(own.status).toBe(201)
    const final = new URL(own.header('location') ?? '', site.base).href
    expect((await site.send('GET', final, BERT)).status).toBe(refuseWith)
    expect((await site.send('GET', final, ANNA)).text).toBe('hello')
  })

  it('a transfer of another is not so much as disturbed', async () => {
    const url = await site.create({ 'Upload-Length': '10', ...ANNA })
    const running = site.begin(
      'PATCH',
      url,
      { 'Upload-Offset': '0', 'Content-Type': OCTETS, ...ANNA },
      { first: 'hello' },
    )
    await site.arrived(url, 5)
    for (const [name, method, fields, body] of TUS) {
      const answer = await site.send(method, url, { ...fields, ...BERT }, body)
      expect(answer.status, name).toBeGreaterThanOrEqual(400)
    }
    await running.write('world')
    await running.end()
    expect((await running.answer).status).toBe(204)
  })
})

describe.each([404, 403] as const)('expired uploads, with refuseWith: %d', (refuseWith) => {
  const site = host(nodeDoor, { authorize: jwtRights({ secret: SECRET }), refuseWith, expireAfter: 1 })

  it('are told to be gone to their owner only', async () => {
    const url = await create(site, '10')
    const draft = draftOf(site, 8)
    const unknown = `${site.base}0123456789abcdef0123456789abcdef`
    await vi.waitFor(async () => expect([404, 410]).toContain((await site.send('HEAD', url, ANNA)).status), 60_000)
    for (const who of [BERT, NOBODY]) {
      for (const deed of TUS) {
        const tus = (at: string) => site.send(deed[1], at, { ...deed[2], ...who }, deed[3])
        expect(seen(await tus(url), url), deed[0]).toBe(seen(await tus(unknown), unknown))
      }
      for (const deed of DRAFT) {
        const speak = inDraft(draft)
        expect(seen(await speak(deed, url, who), url)).toBe(seen(await speak(deed, unknown, who), unknown))
      }
    }
  })
})

type Speaker = (deed: Deed, url: string, who: Fields) => Promise<Answer>

function inDraft(draft: Draft): Speaker {
  return ([, method, fields, body], url, who) => draft.send(method, url, { ...fields, ...who }, body)
}

/** Five bytes of Anna's. */
function create(site: Site, length: string): Promise<string> {
  return site.create({ 'Upload-Length': length, 'Upload-Metadata': 'filename c2VjcmV0', ...ANNA }, 'hello')
}
