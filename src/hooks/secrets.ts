import type { RequestInfo } from '../core/hooks.ts'
import { HIDDEN, tokensIn } from '../core/secrets.ts'

/** Shorter texts would be found by chance, and guessed anyway. */
const SHORTEST_SECRET = 6

/**
 * What a hook said, with what the client sent in confidence replaced: many programs repeat in an error what they were sent.
 * @param forwarded what was sent along beside the message
 */
export function withoutSecrets(text: string, request: RequestInfo, forwarded: Iterable<string>): string {
  const credentials = request.header('authorization') ?? ''
  const secrets = [
    ...forwarded,
    credentials,
    credentials.replace(/^\S+ +/, ''),
    request.header('cookie') ?? '',
    ...tokensIn(request.uri),
  ]
  return secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text)
}
