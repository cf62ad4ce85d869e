import type { Exchange, Stage } from './exchange.ts'
import type { Random } from './random.ts'
import type { Kind, Site } from './uploader.ts'

/** A request that has not ended. */
export interface Going {
  readonly kind: Kind
  readonly exchange: Exchange
}

/** The servers that are up, and the requests that are on their way to them. */
export interface Traffic extends Site {
  up(origin: string): void
  down(origin: string): void
  going(): readonly Going[]
  /** The next request of a kind that starts, or one of those on their way. */
  meet(kind: Kind): Promise<Going>
  /** How many requests have started. */
  count(): number
  /** Nothing starts any more: whoever waits for a server gets this error. */
  end(reason: Error): void
}

/** Every request goes to one of the servers that are up, at random. */
export function traffic(random: Random): Traffic {
  const servers = new Set<string>()
  const going = new Set<Going>()
  const waiting = new Set<{ go(): void; fail(reason: Error): void }>()
  const meetings = new Map<Kind, ((met: Going) => void)[]>()
  let ended: Error | null = null
  let count = 0

  return {
    up(origin) {
      servers.add(origin)
      for (const one of waiting) one.go()
      waiting.clear()
    },
    down: (origin) => {
      servers.delete(origin)
    },
    async origin() {
      while (servers.size === 0 && !ended) await new Promise<void>((go, fail) => waiting.add({ go, fail }))
      if (ended) throw ended
      return random.pick([...servers])
    },
    track(kind, exchange) {
      const one = { kind, exchange }
      count++
      going.add(one)
      void exchange.ended.then(() => going.delete(one))
      for (const meet of meetings.get(kind) ?? []) meet(one)
      meetings.delete(kind)
    },
    going: () => [...going],
    meet(kind) {
      for (const one of going) if (one.kind === kind) return Promise.resolve(one)
      return new Promise((resolve) => meetings.set(kind, [...(meetings.get(kind) ?? []), resolve]))
    },
    count: () => count,
    end(reason) {
      ended = reason
      for (const one of waiting) one.fail(reason)
      waiting.clear()
    },
  }
}

/** One server, and nobody who counts. */
export function siteOf(server: { readonly origin: string }): Site {
  return { origin: () => Promise.resolve(server.origin), track: () => undefined }
}

/** What an interruption hit, in words for the report. */
export function describeGoing({ kind, exchange }: Going): string {
  const at: Record<Stage, string> = {
    body: exchange.sent() === 0 ? 'before its body' : 'in its body',
    answer: kind === 'look' || kind === 'remove' || kind === 'create' ? 'unanswered' : 'between body and answer',
    over: 'over',
  }
  return `${kind}, ${at[exchange.stage()]}`
}
