// @ts-check
import { jobs } from './jobs.js'

process.on('message', (/** @type {{ id: number, job: keyof typeof jobs, order: never }} */ { id, job, order }) => {
  /** @type {Promise<unknown>} */
  const work = jobs[job](order)
  work.then(
    (result) => process.send?.({ id, result }),
    (error) => process.send?.({ id, error: error instanceof Error ? error.message : String(error) }),
  )
})
// The benchmark is gone, however it ended
process.on('disconnect', () => process.exit())
