import { CreateBucketCommand } from '@aws-sdk/client-s3'
import type { TestProject } from 'vitest/node'
import { BUCKET, clientOf } from './room.ts'
import { type S3Access, startS3 } from './s3-server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Ceph's gateway; there is none but in `npm run test:cloud`. */
    s3: S3Access
    /** Swift, which implements S3 in ways of its own. */
    swift: S3Access
  }
}

/** One server of each kind for the whole run, both at the same time. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = await Promise.allSettled([startS3('ceph'), startS3('swift')])
  const stop = async () => {
    await Promise.all(started.map((each) => (each.status === 'fulfilled' ? each.value.stop() : undefined)))
  }
  const [ceph, swift] = started.map((each) => (each.status === 'fulfilled' ? accessOf(each.value) : null))
  if (!ceph || !swift) {
    await stop()
    throw new AggregateError(
      started.map((each) => (each.status === 'rejected' ? each.reason : undefined)).filter(Boolean),
    )
  }
  await Promise.all([ceph, swift].map(makeBucket)).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  project.provide('s3', ceph)
  project.provide('swift', swift)
  return stop
}

/** The bucket of all tests. */
async function makeBucket(access: S3Access): Promise<void> {
  const client = clientOf(access)
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  client.destroy()
}

/** Without what cannot be sent to the workers. */
function accessOf({ endpoint, region, accessKeyId, secretAccessKey }: S3Access): S3Access {
  return { endpoint, region, accessKeyId, secretAccessKey }
}
