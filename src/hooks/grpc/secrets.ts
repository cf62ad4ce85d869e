import type { RequestInfo } from '../../core/hooks.ts'
import { withoutSecrets } from '../secrets.ts'

/** A hook's sentence with what the client sent in confidence, and what was forwarded, replaced; on one line, and not too long for a log. */
export function hideSecrets(text: string, request: RequestInfo, forwarded: Iterable<string>): string {
  return withoutSecrets(text, request, forwarded)
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, 200)
}
