import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { s3Store } from '../../../src/stores/s3.ts'
import { createUploads, type Uploads } from '../../../src/uploads.ts'
import { openRoom, type Room } from '../support/room.ts'
import { MiB, sha256, type TusClient, tusClient } from './support/client.ts'
import { startTusd, type Tusd } from './support/tusd.ts'

let room: Room
let uploads: Uploads
let ours: TusClient
let theirs: Tusd

beforeEach(async () => {
  room = openRoom('ceph')
  uploads = await createUploads({ store: s3Store({ ...room.options, partSize: 5 * MiB }) })
  ours = tusClient('http://uploads.example', uploads.fetch)
  theirs = await startTusd(room)
})
afterEach(async () => {
  await theirs.kill()
  await uploads.close()
  await room.close()
})

const sizes = [100, 5 * MiB, 5 * MiB + 1, 13 * MiB + 70_001, 21 * MiB]

describe('a real tusd', () => {
  it.each(sizes)('and we take turns with an upload that stands at %i bytes', async (first) => {
    const bytes = randomBytes(32 * MiB + 11)
    const steps = [first, first + 200_000, first + 6 * MiB, bytes.length]
    for (const [one, other] of [
      [theirs, ours],
      [ours, theirs],
    ] as const) {
      const url = await one.create({ 'Upload-Length': String(bytes.length), 'Upload-Metadata': 'filename YS5iaW4=' })
      let offset = 0
      for (const [index, end] of steps.entries()) {
        const [turn, next] = index % 2 === 0 ? [one, other] : [other, one]
        expect(await turn.append(url, offset, bytes.subarray(offset, end))).toBe(204)
        for (const each of [next, turn]) expect(await each.stand(url)).toBe(`${end} of ${bytes.length}`)
        offset = end
      }
      for (const each of [one, other]) expect(await each.content(url)).toBe(sha256(bytes))
      expect((await other.ask('DELETE', url)).status).toBe(204)
    }
    expect((await room.keys()).filter((key) => !key.endsWith('.part'))).toEqual([])
    expect(await room.multiparts()).toEqual([])
  })

  it.each([
    ['ours', () => [ours, theirs] as const],
    ['theirs', () => [theirs, ours] as const],
  ])('knows a length that is told late, of an upload that is %s', async (_name, turns) => {
    const [one, other] = turns()
    const bytes = randomBytes(11 * MiB)
    const url = await one.create({ 'Upload-Defer-Length': '1' })
    expect(await one.append(url, 0, bytes.subarray(0, 6 * MiB))).toBe(204)
    const fields = { 'Upload-Offset': String(6 * MiB), 'Content-Type': 'application/offset+octet-stream' }
    const told = { ...fields, 'Upload-Length': String(bytes.length) }
    expect((await other.ask('PATCH', url, told, bytes.subarray(6 * MiB))).status).toBe(204)
    for (const each of [one, other]) expect(await each.content(url)).toBe(sha256(bytes))
  })
})
