import { describe, expect, test } from 'vitest'
import { createOutput, textLog } from './log.ts'

function lines(use: (log: ReturnType<typeof textLog>) => void, verbose = true): readonly string[] {
  const written: string[] = []
  use(textLog((line) => written.push(line), verbose))
  return written
}

test('an event is one line: time, level, name, facts', () => {
  const [line] = lines((log) => log.info('upload.created', { id: 'a1/b', length: 12, partial: false, expires: null }))
  expect(line).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO upload\.created id=a1\/b length=12 partial=false expires=null\n$/,
  )
})

test('facts that are undefined are left out', () => {
  expect(lines((log) => log.warn('a.b', { hint: undefined }))[0]).toMatch(/ WARN a\.b\n$/)
})

test('values that could be misread are quoted', () => {
  const [line] = lines((log) => log.info('e', { a: '', b: 'two words', c: 'x=y', d: '"q"' }))
  expect(line).toContain(String.raw`a="" b="two words" c="x=y" d="\"q\""`)
})

test('nobody can forge a line or steer the terminal', () => {
  const evil = 'x\r\n2026-01-01T00:00:00.000Z ERROR fake\u001b[2J\u009b2J\u0085\u2028\u2029\u202e\u007f\0'
  const [line, ...more] = lines((log) => log.info('e', { evil }))
  expect(more).toEqual([])
  expect(line).toMatch(/^[\x20-\x7e]*\n$/)
  expect(line).toContain(String.raw`evil="x\r\n2026`)
})

test('an error tells its stack and its causes, in one line', () => {
  const [line] = lines((log) =>
    log.error('store.failed', { hint: 'free space' }, new Error('outer', { cause: new Error('inner\nline') })),
  )
  expect(line?.match(/\n/g)).toHaveLength(1)
  expect(line).toContain('hint="free space" cause="Error: outer\\n')
  expect(line).toContain('log.test.ts')
  expect(line).toContain('inner\\n  line')
})

test('not verbose, only warnings and errors are written', () => {
  const written = lines((log) => {
    log.debug('one')
    log.info('two')
    log.warn('three')
    log.error('four')
  }, false)
  expect(written.map((line) => line.split(' ')[2]?.trim())).toEqual(['three', 'four'])
})

describe('as JSON', () => {
  function objects(use: (output: ReturnType<typeof createOutput>) => void, verbose = true) {
    const written: string[] = []
    use(createOutput('json', (line) => written.push(line), verbose))
    for (const line of written) expect(line).toMatch(/^\{.*\}\n$/)
    return written.map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  test('an event is one object: time, level, event, and the facts as what they are', () => {
    const [line] = objects(({ log }) =>
      log.info('upload.created', { id: 'a b', length: 12, partial: false, expires: null, hint: undefined }),
    )
    expect(Object.keys(line ?? {})).toEqual(['time', 'level', 'event', 'id', 'length', 'partial', 'expires'])
    expect(line).toMatchObject({ level: 'INFO', event: 'upload.created', id: 'a b', length: 12, partial: false })
    expect(line?.['time']).toBe(new Date(String(line?.['time'])).toISOString())
  })

  test('an error tells its stack and its causes as one string', () => {
    const cause = new Error('outer', { cause: new Error('inner\nline') })
    const [line] = objects(({ log }) => log.error('store.failed', { hint: 'free space' }, cause))
    expect(line).toMatchObject({ level: 'ERROR', event: 'store.failed', hint: 'free space' })
    expect(line?.['cause']).toMatch(/^Error: outer\n[\s\S]*log\.test\.ts[\s\S]*inner\n {2}line/)
  })

  test('a fact cannot take the place of time, level or event', () => {
    const [line] = objects(({ log }) => log.warn('a.b', { level: 'x', time: 'x', event: 'x', other: 1 }))
    expect(line).toMatchObject({ level: 'WARN', event: 'a.b', other: 1 })
    expect(line?.['time']).not.toBe('x')
  })

  test('nobody can forge a line or steer the terminal', () => {
    const evil = 'x\r\n{"level":"ERROR"}\u001b[2J\u009b2J\u0085\u2028\u2029\u202e\u007f\0\ud800'
    const written: string[] = []
    createOutput('json', (line) => written.push(line), true).log.info('e', { evil })
    expect(written).toHaveLength(1)
    expect(written[0]).toMatch(/^[\x20-\x7e]*\n$/)
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ evil })
  })

  test('what is said is an event, too, whether verbose or not', () => {
    const lines = objects(({ log, say }) => {
      log.info('left.out')
      say('listening on "x"')
    }, false)
    expect(lines).toMatchObject([{ level: 'INFO', event: 'server.notice', message: 'listening on "x"' }])
  })
})

test('as text, what is said stands there as it is', () => {
  const written: string[] = []
  createOutput('text', (line) => written.push(line), false).say('listening on "x"')
  expect(written).toEqual(['listening on "x"\n'])
})
