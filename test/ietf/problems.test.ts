import { describe, expect, it } from 'vitest'
import { hostDraft, NEWEST, problemIn, REGISTRY } from './support/draft.ts'

describe.each(NEWEST)('problem details, %s', (_, door, version) => {
  const draft = hostDraft(door, version)

  it('R-090 409 says which offset was expected and which was provided', async () => {
    const url = await draft.create('?0', 'hello')
    const answer = await draft.append(url, 7, '?0', 'x')
    expect(answer.status).toBe(409)
    expect(problemIn(answer)).toMatchObject({
      type: `${REGISTRY}mismatching-upload-offset`,
      status: 409,
      'expected-offset': 5,
      'provided-offset': 7,
    })
  })

  it('R-091 lengths that contradict each other have a type of their own, without members', async () => {
    const url = await draft.create('?0', 'hello', { 'Upload-Length': '11' })
    const answer = await draft.append(url, 5, '?1', 'x')
    expect(answer.status).toBe(400)
    expect(answer.header('upload-complete')).toBe('?0')
    const { type, title, status, detail, ...rest } = problemIn(answer)
    expect([type, status]).toEqual([`${REGISTRY}inconsistent-upload-length`, 400])
    expect([typeof title, typeof detail]).toEqual(['string', 'string'])
    expect(rest).toEqual({})
  })

  it('R-092 no other failure claims a registered type', async () => {
    const url = await draft.create('?1', 'hello')
    const answers = [
      await draft.append(url, 5, '?0'),
      await draft.append(url, 5, '?1', 'x', { 'Content-Type': 'text/plain' }),
      await draft.append(url, 'x', '?1'),
      await draft.send('PATCH', `${draft.base}${'0'.repeat(32)}`, {}, 'x'),
      await draft.send('PUT', url, { 'Upload-Complete': '?1' }, 'x'),
      await draft.send('DELETE', `${draft.base}${'0'.repeat(32)}`),
    ]
    expect(answers.map(({ status }) => status)).toEqual([400, 415, 400, 415, 405, 404])
    for (const answer of answers) {
      const problem = problemIn(answer)
      expect(problem['type']).toBeUndefined()
      expect(problem['status']).toBe(answer.status)
    }
  })
})
