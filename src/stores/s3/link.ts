import { GetObjectCommand } from '@aws-sdk/client-s3'
import { failure } from './failure.ts'
import type { Service } from './service.ts'
import type { Standing } from './standing.ts'

/** A signed URL of the object, for whoever shall read it without this server. Null as long as there is none. */
export async function link(
  { settings }: Service,
  { place, record }: Standing,
  seconds: number,
  { contentType, contentDisposition }: { readonly contentType: string; readonly contentDisposition: string },
): Promise<string | null> {
  if (record.complete !== true) return null
  try {
    // By name and on demand: whoever does not redirect need not install it.
    const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
    const command = new GetObjectCommand({
      Bucket: place.bucket,
      Key: place.key,
      ResponseContentType: contentType,
      ResponseContentDisposition: contentDisposition,
    })
    return await getSignedUrl(settings.client, command, { expiresIn: seconds })
  } catch (error) {
    throw failure(error, 'sign a link', place)
  }
}
