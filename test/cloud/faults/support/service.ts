import { inject } from 'vitest'
import type { S3Access } from '../../support/s3-server.ts'

/** The S3 server of this run: Ceph's gateway. */
export function service(): S3Access {
  return inject('s3')
}
