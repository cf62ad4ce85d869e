import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Makes a certificate for `localhost` and 127.0.0.1 that signs itself (RFC 5280), valid from `from` to `to`. */
export function selfSigned(from = AN_HOUR_AGO, to = TOMORROW): Certificate {
  return certificate({ name: 'localhost', issuer: null, from, to })
}

/** A certificate that may sign others. */
export function authority(): Certificate {
  return certificate({ name: 'authority', issuer: null, from: AN_HOUR_AGO, to: TOMORROW })
}

/** A certificate for `localhost` and 127.0.0.1 that an {@link authority} signs. */
export function signedBy(issuer: Certificate): Certificate {
  return certificate({ name: 'localhost', issuer, from: AN_HOUR_AGO, to: TOMORROW })
}

const AN_HOUR_AGO = new Date(Date.now() - 3_600_000)
const TOMORROW = new Date(Date.now() + 86_400_000)

interface Wanted {
  readonly name: 'localhost' | 'authority'
  /** Null for itself. */
  readonly issuer: Certificate | null
  readonly from: Date
  readonly to: Date
}

function certificate({ name, issuer, from, to }: Wanted): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = der(0x30, ECDSA_WITH_SHA256)
  const alternatives = der(0x30, der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])))
  const extension =
    name === 'authority'
      ? der(0x30, BASIC_CONSTRAINTS, der(0x04, der(0x30, der(0x01, Buffer.from([255])))))
      : der(0x30, SUBJECT_ALT_NAME, der(0x04, alternatives))
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguished(issuer === null ? name : 'authority'),
    der(0x30, time(from), time(to)),
    distinguished(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, extension)),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, issuer?.key ?? privateKey))
  const text = der(0x30, body, algorithm, signature).toString('base64').replace(/.{64}/g, '$&\n')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** A name that has a common name only. */
function distinguished(name: string): Buffer {
  return der(0x30, der(0x31, der(0x30, COMMON_NAME, der(0x0c, Buffer.from(name)))))
}

const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex')
const COMMON_NAME = Buffer.from('0603550403', 'hex')
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex')
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex')

/** A value of DER: tag, length, content. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

/** GeneralizedTime. */
function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\..*$/g, '')}Z`))
}
