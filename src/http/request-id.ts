import { randomBytes } from 'node:crypto'

/** What may stand in a log without quotes, and is short enough to be a name: UUIDs, ULIDs, Base64, ids of proxies. */
const SANE = /^[\w.~:@+/=-]{1,64}$/

/** Makes names for requests: the client's (X-Request-ID) if it is one, otherwise a fresh one that no other process makes. */
export function createRequestIds(): (named: string | null) => string {
  const run = randomBytes(4).toString('hex')
  let serial = 0
  return (named) => (named !== null && SANE.test(named) ? named : `${run}-${(serial++).toString(36)}`)
}
