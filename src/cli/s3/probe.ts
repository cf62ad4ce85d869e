import type { S3Client } from '@aws-sdk/client-s3'
import { Complaint } from '../complaint.ts'
import type { Target } from './target.ts'

/** Longest time for the service to answer at the start, in milliseconds. */
const PATIENCE = 15_000

/**
 * Asks the service for an object that is not there, to find out in time whether it answers, knows the bucket and believes the
 * credentials. Not by HeadBucket: its answer has no body to say why, and the right to list a bucket is none that is needed.
 * Whether it can be written to, the store finds out.
 * @throws Complaint that says what is wrong, and what to do
 */
export async function probe(
  { GetObjectCommand }: typeof import('@aws-sdk/client-s3'),
  client: S3Client,
  target: Target,
  prefix: string,
): Promise<void> {
  const command = new GetObjectCommand({ Bucket: target.bucket, Key: `${prefix}.tusker-check` })
  try {
    const { Body } = await client.send(command, { abortSignal: AbortSignal.timeout(PATIENCE) })
    // Somebody has put one there
    if (Body !== undefined && 'destroy' in Body) Body.destroy()
  } catch (error) {
    const wrong = wrongWith(error, target)
    if (wrong !== null) throw new Complaint(`cannot start: ${wrong}`, 1, { cause: error })
  }
}

/** What an answer, or its absence, says of the settings; null if they are right. */
function wrongWith(error: unknown, { bucket, endpoint }: Target): string | null {
  if (!(error instanceof Error)) return String(error)
  const where = endpoint === null ? 'S3' : endpoint.origin
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  const status = statusOf(error)
  if (status === null) return unanswered(code, error.message, where, endpoint !== null)
  switch (code) {
    case 'NoSuchKey':
    // Without the right to list the bucket, this is how it says that there is no such object
    case 'AccessDenied':
      return null
    case 'NoSuchBucket':
      return `there is no bucket ${bucket} at ${where}; create it, or correct -s3-bucket`
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'InvalidToken':
    case 'ExpiredToken':
    case 'TokenRefreshRequired':
    case 'UnrecognizedClientException':
      return `${where} does not accept the credentials (${code}); see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE`
    case 'PermanentRedirect':
    case 'TemporaryRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return `the bucket ${bucket} is in another region (${code}): ${line(error.message)}; correct AWS_REGION or -s3-endpoint`
    case 'RequestTimeTooSkewed':
      return `the clock of this machine differs from that of ${where}; correct it`
    default:
      if (status === 403) return null
      if (status === 404 || status < 400)
        return `what answers at ${where} does not speak S3 (${status}); correct -s3-endpoint`
      return `${where} refuses to be asked for an object of the bucket ${bucket} (${status} ${code}): ${line(error.message)}`
  }
}

function unanswered(code: string, message: string, where: string, isOurs: boolean): string {
  const flag = isOurs ? 'correct -s3-endpoint, or start the service' : 'see the way to the internet'
  switch (code) {
    case 'AbortError':
    case 'TimeoutError':
      return `${where} has not answered in ${PATIENCE / 1000} seconds; ${flag}`
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return `no credentials for S3 (${line(message)}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE`
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return `${where} does not speak TLS; if that is right, -s3-endpoint begins with http:`
    default:
      return `cannot reach ${where} (${code}): ${line(message)}; ${flag}`
  }
}

function statusOf(error: Error): number | null {
  const metadata: unknown = '$metadata' in error ? error.$metadata : null
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return null
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null
}

/** The words of others in a complaint, which is one line. */
function line(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 300)
}
