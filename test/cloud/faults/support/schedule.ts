import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { parseUploadId } from '../../../../src/core/upload.ts'
import { s3Store } from '../../../../src/stores/s3.ts'
import { content, joined, sha256Of } from '../../../heavy/support/content.ts'
import { download } from '../../../heavy/support/download.ts'
import { exchange } from '../../../heavy/support/exchange.ts'
import { BrokenPromise } from '../../../heavy/support/ledger.ts'
import type { Random } from '../../../heavy/support/random.ts'
import { type Account, account } from './account.ts'
import type { Bucket } from './bucket.ts'
import { type Client, client, type Habits, join, type Servers } from './client.ts'
import type { Mischief } from './mischief.ts'
import type { Site } from './site.ts'
import { draft, tus, type Voice } from './voice.ts'

const MIB = 1 << 20
const PART = 5 * MIB
const DAY = 24 * 60 * 60 * 1000

export interface World {
  readonly site: Site
  readonly bucket: Bucket
  readonly prefix: string
}

/** What a schedule did, for the report. */
export interface Done {
  readonly way: string
  readonly bytes: number
  /** Objects or multipart uploads that lost creations and failed terminations had left for `tidy`. */
  readonly tidied: number
}

const WAYS = [...Array<'single'>(6).fill('single'), 'joined', 'terminated'] as const

/**
 * One upload (or a concatenation of some) from its creation to its termination, with everything that may happen to it.
 * Throws `BrokenPromise` if the server broke one.
 */
export async function schedule(world: World, name: string, random: Random, harm: Mischief): Promise<Done> {
  const way = random.pick(WAYS)
  const voice: Voice = way === 'joined' || random.chance(0.6) ? tus : draft
  const servers = serversOf(world, random)
  const clients: Client[] = []
  if (way === 'joined') clients.push(...(await joinSome(servers, name, random)))
  else {
    const one = account(`${name}-0`, content(`${random.seed}/0`), lengthOf(random))
    const only = client(servers, voice, one, habitsOf(one.length, random), random)
    clients.push(only)
    if (way === 'single') await only.finish()
    else await abandonSomewhere(only, random)
  }
  // What lands late must not find the upload terminated: that no store can prevent.
  await harm.settled()
  for (const { one } of clients) if (one.complete) await proveContent(world, one, random)
  const bytes = clients.reduce((sum, { one }) => sum + one.length, 0)
  const statuses: number[] = []
  for (const one of clients) statuses.push(await one.remove())
  harm.stop()
  await harm.settled()
  return { way, bytes, tidied: await proveEmpty(world, name, clients, voice, statuses) }
}

function serversOf({ site, bucket, prefix }: World, random: Random): Servers {
  return {
    origin: () => random.pick(site.origins),
    async proven(one) {
      const key = `${prefix}${objectIdOf(one)}`
      const found = await bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: key })).catch(() => null)
      if (found?.ContentLength !== one.length)
        throw new BrokenPromise(`${one.key} is told to be complete: its object has ${found?.ContentLength} bytes`)
    },
  }
}

async function joinSome(servers: Servers, name: string, random: Random): Promise<Client[]> {
  const pieces = Array.from({ length: random.int(1, 3) }, (_, index) => {
    const key = `${name}-p${index}`
    const one = account(key, content(`${random.seed}/${index}`), lengthOf(random))
    return client(servers, tus, one, { ...habitsOf(one.length, random), partial: true }, random.fork(key))
  })
  await Promise.all(pieces.map((piece) => piece.finish()))
  const parts = pieces.map(({ one }) => one)
  const length = parts.reduce((sum, one) => sum + one.length, 0)
  const whole = account(`${name}-w`, joined(name, parts), length)
  const joiner = client(servers, tus, whole, habitsOf(length, random), random.fork('whole'))
  await join(servers, parts, joiner)
  return [...pieces, joiner]
}

async function abandonSomewhere(only: Client, random: Random): Promise<void> {
  await only.begin()
  for (let steps = random.int(0, 3); steps > 0 && !only.one.complete; steps--) await only.step()
}

/** Small ones are more frequent; some end where parts do. */
function lengthOf(random: Random): number {
  const draw = random.next()
  if (draw < 0.05) return 0
  if (draw < 0.65) return random.int(1, 100_000)
  if (draw < 0.82) return random.int(100_000, PART)
  if (draw < 0.9) return random.int(1, 2) * PART + random.int(-1, 1)
  return random.int(PART, 12 * MIB)
}

function habitsOf(length: number, random: Random): Habits {
  return {
    step: Math.max(1, Math.ceil(length / random.pick([1, 1, 1, 1, 2, 3]))),
    cut: random.pick([0, 0.1, 0.25]),
    takeOver: random.pick([0, 0.1, 0.25]),
    checked: random.pick([0, 0, 0.5]),
    deferred: random.chance(0.3),
    withContent: random.chance(0.3),
  }
}

/** By GET through a server, for some straight from the service as well; and nothing can be added to it. */
async function proveContent({ site, bucket, prefix }: World, one: Account, random: Random): Promise<void> {
  const right = sha256Of(one.content, one.length)
  if (random.chance(0.2)) await tryToOverwrite(random.pick(site.origins), one)
  await proveDownload(random.pick(site.origins), one, right)
  if (!random.chance(0.25)) return
  const stored = await bucket.fingerprint(`${prefix}${objectIdOf(one)}`)
  if (stored.size !== one.length || stored.sha256 !== right)
    throw new BrokenPromise(`${one.key}: the object of ${stored.size} bytes is not the ${one.length} that were sent`)
}

async function proveDownload(origin: string, one: Account, right: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const got = await download(origin + one.path).catch(() => null)
    if ((got === null || got.status >= 500) && tries < 100) continue
    if (got?.status === 200 && got.size === one.length && got.sha256 === right) return
    throw new BrokenPromise(
      `${one.key}: GET gave ${got?.status} with ${got?.size} of ${one.length} bytes, not what was sent`,
    )
  }
}

async function tryToOverwrite(origin: string, one: Account): Promise<void> {
  for (const offset of [0, one.length]) {
    const { answer } = await exchange({
      method: 'PATCH',
      url: origin + one.path,
      headers: {
        'Tus-Resumable': '1.0.0',
        'Upload-Offset': String(offset),
        'Content-Type': 'application/offset+octet-stream',
      },
      body: {
        length: 5,
        async *pieces() {
          yield Buffer.from('other')
        },
      },
    }).ended
    if (answer !== null && answer.status < 300) throw new BrokenPromise(`${one.key}: a complete upload took bytes`)
  }
}

/**
 * What was terminated has left nothing. Creations whose answer was lost are terminated as well, and what the failure of one may have
 * left, `tidy` removes. Returns how much that was.
 */
async function proveEmpty(
  world: World,
  name: string,
  clients: readonly Client[],
  voice: Voice,
  statuses: readonly number[],
): Promise<number> {
  const { site, bucket, prefix } = world
  // After a removal that failed in the middle the next one answers 410, and removes the rest.
  const removed = clients.filter((_, index) => [204, 410].includes(statuses[index] ?? 0))
  const known = removed.map(({ one }) => `${prefix}${objectIdOf(one)}`)
  const isKnown = (key: string): boolean =>
    known.some((id) => [id, `${id}.info`, `${id}.part`, `${id}?uploads`].includes(key))
  const left = await bucket.contents(`${prefix}${name}-`)
  if (left.some(isKnown)) throw new BrokenPromise(`${name} was terminated, and left ${left.filter(isKnown).join(' ')}`)
  if (left.length === 0) return 0
  const ids = clients.flatMap(({ one }) => site.idsOf(one.key))
  const [origin = ''] = site.origins
  for (const id of ids) await voice.remove(origin, `/files/${id}`).ended
  const orphans = await bucket.contents(`${prefix}${name}-`)
  const store = s3Store({ client: bucket.client, bucket: bucket.name, objectPrefix: prefix })
  for (const id of ids) await store.tidy(parseUploadId(id), new Date(Date.now() + DAY))
  const rest = await bucket.contents(`${prefix}${name}-`)
  if (rest.length > 0) throw new BrokenPromise(`${name}: terminated and tidied, and there is still ${rest.join(' ')}`)
  return orphans.length
}

/** What the upload is called in the bucket. */
export function objectIdOf({ path, key }: Account): string {
  const id = decodeURIComponent(path?.split('/').at(-1) ?? '').split('+')[0]
  if (!id) throw new Error(`${key} was not created yet`)
  return id
}
