import { createHmac } from 'node:crypto'

/** Adds a signature to a message: the header fields for it. */
export type Sign = (id: string, text: string) => Readonly<Record<string, string>>

/** Fewest bytes of a secret. */
const SHORTEST = 24

/**
 * Signatures of the Standard Webhooks specification (https://www.standardwebhooks.com, version 1): HMAC-SHA-256 of `id.timestamp.text`.
 * Without a secret only id and time are told.
 * @throws TypeError if a secret is too short, or not Base64 behind `whsec_`
 */
export function createSigner(secrets: string | readonly string[], now: () => number = Date.now): Sign {
  const keys = (typeof secrets === 'string' ? [secrets] : secrets).map(keyOf)
  return (id, text) => {
    const timestamp = String(Math.floor(now() / 1000))
    const signatures = keys.map(
      (key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest('base64')}`,
    )
    return {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      ...(signatures.length > 0 && { 'webhook-signature': signatures.join(' ') }),
    }
  }
}

function keyOf(secret: string): Buffer {
  const base64 = /^whsec_(.*)$/.exec(secret)?.[1]
  if (base64 !== undefined && !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    throw new TypeError('the secret of a hook must be Base64 behind whsec_')
  }
  const key = base64 === undefined ? Buffer.from(secret) : Buffer.from(base64, 'base64')
  if (key.length < SHORTEST) throw new TypeError(`the secret of a hook must have at least ${SHORTEST} bytes`)
  return key
}
