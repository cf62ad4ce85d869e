// @ts-check
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** @typedef {import('./client/jobs.js').Jobs} Jobs */

/**
 * Starts the process that plays all clients of all servers, so that its work is never counted as a server's.
 * @param {import('./ending.js').Ending} ending
 */
export function startClient(ending) {
  const child = fork(fileURLToPath(new URL('client/main.js', import.meta.url)), { stdio: ['ignore', 2, 2, 'ipc'] })
  const stop = ending.owe(() => child.kill('SIGKILL'))
  /** @type {Map<number, { done: (result: never) => void, fail: (error: Error) => void }>} */
  const waiting = new Map()
  let calls = 0
  child.on('message', (/** @type {{ id: number, result: never, error?: string }} */ { id, result, error }) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) call?.done(result)
    else call?.fail(new Error(error))
  })
  child.on('exit', (code, signal) => {
    for (const { fail } of waiting.values()) fail(new Error(`the client ended (${signal ?? code})`))
    waiting.clear()
  })
  return {
    /**
     * Lets the client do a job; see `client/jobs.js`.
     * @template {keyof Jobs} Name
     * @param {Name} job
     * @param {Parameters<Jobs[Name]>[0]} order
     * @returns {Promise<Awaited<ReturnType<Jobs[Name]>>>}
     */
    do: (job, order) =>
      new Promise((done, fail) => {
        const id = ++calls
        waiting.set(id, { done, fail })
        child.send({ id, job, order })
      }),
    stop,
  }
}

/** @typedef {ReturnType<typeof startClient>} Client */
