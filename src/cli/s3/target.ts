import { type S3Provider, s3ProviderOf } from '../../stores/s3/providers.ts'
import { Complaint } from '../complaint.ts'
import type { Configuration } from '../configure.ts'
import { refuse } from '../configure.ts'
import type { Environment } from '../environment.ts'
import { S3 } from '../flags/s3.ts'
import type { FlagName, Settings } from '../flags.ts'

/** Which bucket, where. */
export interface Target {
  readonly bucket: string
  /** Null for that of AWS. */
  readonly endpoint: URL | null
  /** Null if nothing says whose service it is. */
  readonly provider: S3Provider | null
}

/** Endpoints as the services write them, for who has forgotten to give one. */
const ENDPOINTS: Readonly<Record<Exclude<S3Provider, 'aws'>, string>> = {
  minio: 'http://localhost:9000',
  r2: 'https://<account>.r2.cloudflarestorage.com',
  ceph: 'https://<host of the gateway>',
  wasabi: 'https://s3.<region>.wasabisys.com',
  b2: 'https://s3.<region>.backblazeb2.com',
  scaleway: 'https://s3.<region>.scw.cloud',
  gcs: 'https://storage.googleapis.com',
}

/** The names of AWS for an endpoint; the first goes over the second, as in its SDKs. */
const ENDPOINT_VARIABLES = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'] as const

/** What the settings say of a bucket; null if uploads go to a folder. To be called once they are checked. */
export function targetOf(settings: Settings, environment: Environment): Target | null {
  const bucket = settings['s3-bucket']
  if (bucket === '') return null
  const variable = ENDPOINT_VARIABLES.find((name) => environment[name])
  const text = settings['s3-endpoint'] || (variable === undefined ? '' : environment[variable]) || ''
  const endpoint = text === '' ? null : endpointOf(text, settings['s3-disable-ssl'])
  const named = settings['s3-provider']
  const found = endpoint === null ? 'aws' : s3ProviderOf(endpoint.hostname)
  return { bucket, endpoint, provider: named === 'auto' ? found : named }
}

/**
 * Refuses settings of S3 that contradict each other, or mean nothing.
 * @throws Complaint with exit code 2
 */
export function checkS3(configuration: Configuration, environment: Environment): void {
  const { settings } = configuration
  if (settings['s3-bucket'] === '') {
    requireNone(configuration)
    return
  }
  checkBucket(configuration)
  checkEndpoint(configuration, environment)
  checkParts(configuration)
  if (settings['s3-redirect-downloads'] > 0 && settings['disable-download']) {
    throw contradiction('flag -s3-redirect-downloads has nothing to redirect with -disable-download')
  }
}

/** Who sets up a bucket and forgets to name it, or misspells it, would find the uploads in a folder. */
function requireNone({ origins }: Configuration): void {
  for (const name of Object.keys(S3)) {
    const setting = origins.get(name)
    if (
      setting === undefined ||
      setting.origin.source === 'default' ||
      setting.text === S3[name as keyof typeof S3].default
    )
      continue
    throw contradiction(`${setting.origin.place} has no effect without -s3-bucket`)
  }
}

function checkBucket(configuration: Configuration): void {
  const bucket = configuration.settings['s3-bucket']
  // An access point goes by its ARN, which has slashes
  const plain = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(bucket) || bucket.startsWith('arn:')
  if (!plain)
    throw refuse(configuration, 's3-bucket', 'not the name of a bucket; -s3-object-prefix is for what follows it')
}

function checkEndpoint(configuration: Configuration, environment: Environment): void {
  const { settings } = configuration
  const written = settings['s3-endpoint']
  // Not shown, as other values are
  if (/^[^/?#]*(?:\/\/)?[^/?#]*@/.test(written)) {
    throw contradiction('flag -s3-endpoint must not hold credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
  }
  if (written !== '' && endpointOf(written, false) === null) {
    throw refuse(configuration, 's3-endpoint', 'not the URL of a service, such as https://s3.example.org')
  }
  if (settings['s3-disable-ssl'] && /^https:/i.test(written)) {
    throw contradiction('flag -s3-disable-ssl contradicts an -s3-endpoint that begins with https:')
  }
  for (const name of ENDPOINT_VARIABLES) {
    const text = environment[name]
    if (text && endpointOf(text, false) === null) throw contradiction(`${name} is not the URL of a service`)
  }
  const target = targetOf(settings, environment)
  if (target === null) return
  const { endpoint, provider } = target
  if (endpoint === null && provider !== null && provider !== 'aws') {
    throw contradiction(`flag -s3-provider ${provider} needs an -s3-endpoint, such as ${ENDPOINTS[provider]}`)
  }
  if (settings['s3-transfer-acceleration'] && endpoint !== null) {
    throw contradiction('flag -s3-transfer-acceleration is for AWS itself, not for an endpoint')
  }
}

function checkParts(configuration: Configuration): void {
  const { settings, origins } = configuration
  const partSize = origins.get('s3-part-size')
  if (partSize?.origin.source !== 'default' && settings['s3-part-size'] < settings['s3-min-part-size']) {
    throw refuse(configuration, 's3-part-size', 'a part must not be smaller than -s3-min-part-size')
  }
  const largest: readonly FlagName[] = ['s3-part-size', 's3-min-part-size']
  for (const name of largest) {
    if (Number(settings[name]) > LARGEST_PART) throw refuse(configuration, name, 'the most is 5 GiB')
  }
  const [parts, size] = [settings['s3-max-parts'], settings['s3-max-object-size']]
  if (parts > 0 && size > parts * LARGEST_PART) {
    throw refuse(configuration, 's3-max-object-size', 'more than -s3-max-parts of 5 GiB each hold')
  }
}

const LARGEST_PART = 5 * 1024 ** 3

function contradiction(message: string): Complaint {
  return new Complaint(message, 2)
}

/** With or without a scheme, as tusd takes it; null if it is no URL of a service. */
function endpointOf(text: string, plain: boolean): URL | null {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${plain ? 'http' : 'https'}://${text}`
  if (!URL.canParse(url)) return null
  const parsed = new URL(url)
  const bare = parsed.username === '' && parsed.password === '' && parsed.search === '' && parsed.hash === ''
  return bare && /^https?:$/.test(parsed.protocol) ? parsed : null
}
