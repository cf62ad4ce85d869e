import { expect } from 'vitest'
import type { Answer } from './answer.ts'
import type { Site } from './site.ts'
import type { Wire } from './wire.ts'

/**
 * Checks the connection after an answer: closed without another word if the answer said so, else fit for a HEAD on
 * `url`, whose answer is its own. Returns that, or null.
 */
export async function expectInOrder(site: Site, wire: Wire, before: Answer, url: string): Promise<Answer | null> {
  if (/\bclose\b/i.test(before.header('connection') ?? '')) {
    await wire.closed
    expect(wire.rest()).toBe('')
    return null
  }
  await wire.write(site.text('HEAD', url))
  const own = await wire.answer('HEAD')
  expect(own.status).toBe(200)
  expect(own.header('upload-offset')).toMatch(/^\d+$/)
  expect(wire.rest()).toBe('')
  wire.cut()
  return own
}

/** All answers until the server ends the connection, each to a request of the same method. */
export async function answersUntilClose(wire: Wire, method: string): Promise<Answer[]> {
  const answers: Answer[] = []
  await wire.closed
  for (;;) {
    if (wire.rest() === '') return answers
    answers.push(await wire.answer(method))
  }
}
