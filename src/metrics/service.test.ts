import { describe, expect, it } from 'vitest'
import type { ServiceCall } from '../core/service.ts'
import { prometheusMetrics } from './prometheus.ts'

const usual: ServiceCall = {
  operation: 'UploadPart',
  key: 'a',
  attempt: 1,
  duration: 20,
  sent: 0,
  error: null,
  status: 200,
}

/** The lines of the metrics about S3 after these calls, without help and buckets. */
function linesAfter(...calls: readonly Partial<ServiceCall>[]): readonly string[] {
  const metrics = prometheusMetrics()
  for (const call of calls) metrics.s3.call({ ...usual, ...call })
  return metrics
    .text()
    .split('\n')
    .filter((line) => /^tus(?:ker|d)_s3_/.test(line) && !line.includes('_bucket'))
}

describe('numbers of a service', () => {
  it('are not there before there is a store that uses it', () => {
    expect(linesAfter()).toEqual([])
  })

  it('time each attempt by its operation, in seconds, and under the name of tusd in milliseconds', () => {
    const lines = linesAfter({ duration: 250 }, { duration: 750 }, { operation: 'ListParts' })
    expect(lines).toContain('tusker_s3_call_seconds_sum{operation="UploadPart"} 1')
    expect(lines).toContain('tusker_s3_call_seconds_count{operation="UploadPart"} 2')
    expect(lines).toContain('tusker_s3_call_seconds_count{operation="ListParts"} 1')
    expect(lines).toContain('tusd_s3_request_duration_ms_sum{operation="upload_part"} 1000')
    expect(lines).toContain('tusd_s3_request_duration_ms{operation="upload_part",quantile="0.5"} 250')
    expect(lines).toContain('tusd_s3_request_duration_ms{operation="upload_part",quantile="0.99"} 750')
  })

  it('count failures by what the service calls them, and repetitions', () => {
    const lines = linesAfter({ error: 'SlowDown', status: 503 }, { attempt: 2 })
    expect(lines).toContain('tusker_s3_errors_total{operation="UploadPart",code="SlowDown"} 1')
    expect(lines).toContain('tusker_s3_retries_total{operation="UploadPart"} 1')
  })

  it.each(['NoSuchKey', 'NotFound', 'PreconditionFailed'])('take %s for an answer, not for a failure', (error) => {
    expect(linesAfter({ operation: 'HeadObject', error }).join('\n')).not.toContain('errors_total')
  })

  it('do not grow with what a service makes up', () => {
    const words = Array.from({ length: 500 }, (_, at) => ({ error: `Word${at}` }))
    const lines = linesAfter(...words, { error: 'no word\n' }).filter((line) => line.includes('errors_total'))
    expect(lines.length).toBe(101)
    expect(lines).toContain('tusker_s3_errors_total{operation="UploadPart",code="other"} 401')
  })

  it('add up what was sent', () => {
    expect(linesAfter({ sent: 3 }, { sent: 4, attempt: 2 })).toContain(
      'tusker_s3_sent_bytes_total{operation="UploadPart"} 7',
    )
  })

  it.each([
    ['GetObject', 'a.info', 'get_info_object'],
    ['PutObject', 'a.info', 'put_info_object'],
    ['HeadObject', 'a.part', 'head_part_object'],
    ['DeleteObject', 'a.part', 'delete_part_object'],
    ['GetObject', 'a', 'get_object'],
    ['CompleteMultipartUpload', 'a', 'complete_multipart_upload'],
    ['ListObjectsV2', 'a.info', 'list_objects_v2'],
  ])('call %s of %s as tusd does: %s', (operation, key, name) => {
    expect(linesAfter({ operation, key }).join('\n')).toContain(`operation="${name}"`)
  })

  it('ask the stores how much they use, and add it up', () => {
    const metrics = prometheusMetrics()
    metrics.s3.attach(() => ({ buffered: 10, parts: 1 }))
    metrics.s3.attach(() => ({ buffered: 5, parts: 2 }))
    expect(metrics.text()).toContain('\ntusker_s3_buffered_bytes 15\n')
    expect(metrics.text()).toContain('\ntusker_s3_parts_in_flight 3\n')
  })
})
