import { onTestFinished } from 'vitest'
import { launch, type Server, type ServerPlan } from './server.ts'
import type { Traffic } from './traffic.ts'

/** A server and those that come after it, on the same folder and port. */
export interface Lives {
  /** Starts the next one. Whether clients find it is a matter of `Traffic.up`. */
  begin(): Promise<Server>
  /** SIGKILL, after no more clients are sent there. */
  kill(): Promise<void>
  /** The server that runs, or ran last. */
  current(): Server
}

/** Nothing of it outlives the test, whatever it is just doing when the test ends. */
export function lives(plan: ServerPlan, clients: Traffic): Lives {
  let server: Server | null = null
  let over = false
  const current = (): Server => {
    if (server === null) throw new Error('no server was started')
    return server
  }
  onTestFinished(async () => {
    over = true
    clients.end(new Error('the test is over'))
    await server?.kill()
  })
  return {
    current,
    async begin() {
      if (over) throw new Error('the test is over')
      const next = await launch({ ...plan, ...(server === null ? {} : { port: server.port }) })
      server = next
      if (over) await next.kill()
      return next
    },
    async kill() {
      clients.down(current().origin)
      await current().kill()
    },
  }
}
