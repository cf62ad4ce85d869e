import type { RequestInfo } from '../../core/hooks.ts'
import { HIDDEN, tokensIn } from '../../core/secrets.ts'

/** Shorter texts would be found by chance, and guessed anyway. */
const SHORTEST_SECRET = 6

/** A hook's sentence with what the client sent in confidence, and what was forwarded, replaced; on one line, and not too long for a log. */
export function hideSecrets(text: string, request: RequestInfo, forwarded: Iterable<string>): string {
  const credentials = request.header('authorization') ?? ''
  const secrets = [
    ...forwarded,
    credentials,
    credentials.replace(/^\S+ +/, ''),
    request.header('cookie') ?? '',
    ...tokensIn(request.uri),
  ]
  const told = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text)
  return told.replace(/\p{Cc}+/gu, ' ').slice(0, 200)
}
