import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { prometheusMetrics } from '../../src/metrics/prometheus.ts'
import { nodeDoor } from '../tus/support/node-door.ts'
import { host } from '../tus/support/site.ts'
import { tool } from './support/tools.ts'

describe('promtool', () => {
  const metrics = prometheusMetrics({ version: '1.2.3' })
  const site = host(nodeDoor, { observers: [metrics] })

  /** What promtool has to say of a text: it parses it as Prometheus does, and knows the conventions. */
  function check(text: string) {
    const { status, stdout, stderr } = spawnSync(tool('promtool'), ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    })
    return { status, remarks: `${stdout}${stderr}`.split('\n').filter((line) => line !== '') }
  }

  it('understands the metrics of a server at work, and finds nothing to say of our names', async () => {
    const url = await site.create({ 'Upload-Length': '5' })
    expect((await site.patch(url, 2, 'x')).status).toBe(409)
    expect((await site.patch(url, 0, 'hello')).status).toBe(204)
    expect(await site.content(url)).toBe('hello')
    metrics.s3.attach(() => ({ buffered: 1, parts: 1 }))
    const call = { operation: 'UploadPart', key: 'a', duration: 12, sent: 3, error: null, status: 200 }
    metrics.s3.call({ ...call, attempt: 1, error: 'SlowDown', status: 503 })
    metrics.s3.call({ ...call, attempt: 2 })
    const { status, remarks } = check(metrics.text())
    // 3: parsed, but with remarks. These names are tusd's, and must be as they are.
    expect(status).toBe(3)
    expect(remarks.filter((remark) => !remark.startsWith('tusd_s3_request_duration_ms '))).toEqual(
      ['bytes_received', 'uploads_created', 'uploads_finished', 'uploads_terminated'].map(
        (name) => `tusd_${name} counter metrics should have "_total" suffix`,
      ),
    )
  })

  it('would notice a text that is broken, or a name that is not as it should be', () => {
    expect(check('a{b="c} 1\n').status).toBe(1)
    expect(check('# HELP a_seconds_total h\n# TYPE a_seconds_total gauge\na_seconds_total 1\n').status).toBe(3)
  })
})
