import { expect, onTestFinished, test } from 'vitest'
import { parseUploadId } from '../../../src/core/upload.ts'
import { s3Store } from '../../../src/stores/s3.ts'
import { content, sha256Of } from '../../heavy/support/content.ts'
import { download } from '../../heavy/support/download.ts'
import type { Answer, Exchange } from '../../heavy/support/exchange.ts'
import { eager, slices } from '../../heavy/support/pace.ts'
import { report } from '../../heavy/support/random.ts'
import { inTurns } from '../../heavy/support/turns.ts'
import { type Call, startFaultProxy } from '../support/fault-proxy.ts'
import { drop, type Fault, silence } from '../support/faults.ts'
import { type Account, account } from './support/account.ts'
import { hostBucket } from './support/bucket.ts'
import { type Child, type ChildPlan, startChild } from './support/child.ts'
import { MIB, PART } from './support/hand.ts'
import { service } from './support/service.ts'
import { tus } from './support/voice.ts'

const bucket = hostBucket()
const DAY = 24 * 60 * 60 * 1000
/** Three parts and a short tail; the first request ends in the middle of the second part. */
const LENGTH = 3 * PART + 123_456
const ENDS = [PART + MIB, LENGTH] as const
const AT_ONCE = 3
/** More calls than an upload of four parts may take. */
const LIMIT = 60

/** The call at which each process was killed, in words. */
const killed = new Map<string, number>()

test.each([
  { when: 'before it reaches the service', fault: drop },
  { when: 'before it is answered', fault: silence },
])(
  'kill -9 at every call to S3 $when: the upload goes on exactly where it stood, and ends right',
  { timeout: 900_000 },
  async ({ fault }) => {
    killed.clear()
    let last = 0
    const prefix = fault === drop ? 'before/' : 'after/'
    const store = { bucket: bucket.name, objectPrefix: prefix, partSize: PART, timeout: 120_000 }
    const survivor = await startChild({ store })
    const numbers = Array.from({ length: LIMIT }, (_, index) => index + 1)
    await inTurns(
      numbers,
      async (number) => {
        // All calls were met once there is an upload that ends before its turn to be killed.
        if (last > 0 && number > last) return
        if (!(await lifeAndDeath(number, fault, survivor, store))) last = last === 0 ? number : Math.min(last, number)
      },
      AT_ONCE,
    )
    await proveNothingLeft(prefix)
    expect(last).toBeGreaterThan(10)
    expect(last).toBeLessThan(LIMIT)
    report(`${last - 1} calls, killed at: ${JSON.stringify(Object.fromEntries([...killed].sort()))}`)
  },
)

/** One upload whose server is killed at the call of this number. Returns whether there was such a call. */
async function lifeAndDeath(
  number: number,
  fault: Fault,
  survivor: Child,
  store: ChildPlan['store'],
): Promise<boolean> {
  const key = `${store.objectPrefix}${number}`
  const one = account(key, content(key), LENGTH)
  const proxy = await startFaultProxy(service().endpoint)
  onTestFinished(() => proxy.close())
  const first = await startChild({ endpoint: proxy.endpoint, store })
  proxy.forget()
  let count = 0
  const { promise: met, meet } = meeting()
  proxy.rule((call) => {
    count++
    if (count < number) return null
    if (count === number) meet(call)
    if (count === number) return fault
    // What it reads changes nothing, and may be what the stopped call sends.
    return call.operation === 'GetObject' ? null : drop
  })
  const ran = upload(first, one).then(() => null)
  const at = await Promise.race([met, ran])
  // Done, it may only be forwarded by now.
  if (at !== null && fault === silence) await answered(at)
  await first.kill()
  await proxy.close()
  await ran
  if (at !== null) killed.set(wordsOf(at), (killed.get(wordsOf(at)) ?? 0) + 1)

  await upload(survivor, one)
  expect(one.complete, `${key} is complete`).toBe(true)
  await prove(survivor, one, store.objectPrefix ?? '')
  return at !== null
}

/** Creates it, if need be, asks where it stands and sends the rest; ends early when the server is killed. */
async function upload({ origin }: Child, one: Account): Promise<void> {
  if (one.path === null) {
    one.creating()
    const created = await answerTo(tus.create(origin, { key: one.key, length: LENGTH }))
    if (created === null) return
    expect(created, created.text).toMatchObject({ status: 201 })
    one.created(new URL(created.headers.location ?? 'missing:').pathname)
  }
  const path = one.path ?? ''
  const head = await answerTo(tus.head(origin, path))
  if (head === null) return
  expect(head.status).toBe(200)
  stand(one, head)
  for (const end of ENDS) {
    const from = one.acknowledged
    if (from >= end) continue
    async function* pieces(signal: AbortSignal): AsyncIterable<Buffer> {
      let at = from
      for await (const piece of slices(one.content, from, end, eager, signal)) {
        at += piece.length
        one.sending(at)
        yield piece
      }
    }
    const body = { length: end - from, pieces }
    const answer = await answerTo(tus.append(origin, path, { from, to: end, last: end === LENGTH, body }))
    if (answer === null) return
    expect(answer, answer.text).toMatchObject({ status: 204 })
    one.stands(Number(answer.headers['upload-offset']), end)
    if (end === LENGTH) one.completed()
  }
}

function stand(one: Account, head: Answer): void {
  one.stands(Number(head.headers['upload-offset']), one.acknowledged)
  if (one.acknowledged === LENGTH) one.completed()
}

async function prove({ origin }: Child, one: Account, prefix: string): Promise<void> {
  const right = { sha256: sha256Of(one.content, LENGTH), size: LENGTH }
  expect(await download(origin + one.path)).toEqual({ status: 200, ...right })
  const id = one.path?.split('/').at(-1)?.split('+')[0] ?? ''
  expect(await bucket.fingerprint(`${prefix}${id}`)).toEqual(right)
  expect(await answerTo(tus.remove(origin, one.path ?? ''))).toMatchObject({ status: 204 })
  expect(await bucket.contents(`${prefix}${id}`)).toEqual([])
}

/** Creations that were never answered left uploads that nobody knows, or halves of them. */
async function proveNothingLeft(prefix: string): Promise<void> {
  const store = s3Store({ client: bucket.client, bucket: bucket.name, objectPrefix: prefix })
  for await (const orphan of store.list()) {
    if (await store.tidy(orphan, new Date(Date.now() + DAY))) continue
    await (await store.open(parseUploadId(orphan))).remove()
  }
  expect(await bucket.contents(prefix)).toEqual([])
}

async function answerTo(going: Exchange): Promise<Answer | null> {
  return (await going.ended).answer
}

function meeting(): { readonly promise: Promise<Call>; readonly meet: (call: Call) => void } {
  let meet: (call: Call) => void = () => undefined
  const promise = new Promise<Call>((resolve) => {
    meet = resolve
  })
  return { promise, meet }
}

function wordsOf({ operation, kind, part }: Call): string {
  return `${operation} ${part ?? kind}`
}

/** Waits until the service has answered. */
async function answered(call: Call): Promise<void> {
  await expect.poll(() => call.status, { timeout: 60_000, interval: 5 }).not.toBeNull()
}
