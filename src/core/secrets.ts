/** Stands for what is not told. */
export const HIDDEN = 'REDACTED'

/** A URI with the value of every query parameter `access_token` (RFC 6750, section 2.3) replaced: for programs and notes that it is not meant for. */
export function publicUri(uri: string): string {
  const { path, parameters } = parted(uri)
  if (!parameters.some(isToken)) return uri
  return `${path}?${parameters.map((one) => (isToken(one) ? `${one.split('=', 1)[0]}=${HIDDEN}` : one)).join('&')}`
}

/** Header fields in which URLs may stand that carry a token (Upload-Concat, Referer), without it. */
export function publicFields(fields: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value.includes('?') ? value.replace(TOKEN, `$1${HIDDEN}`) : value,
    ]),
  )
}

/** A parameter in a text that may hold several URLs, also if its name is written in another way. */
const TOKEN =
  /([?&](?:a|%61)(?:c|%63)(?:c|%63)(?:e|%65)(?:s|%73)(?:s|%73)(?:_|%5f)(?:t|%74)(?:o|%6f)(?:k|%6b)(?:e|%65)(?:n|%6e)=)[^&#\s,;]*/gi

/** The tokens in the query of a URI, as they stand there. */
export function tokensIn(uri: string): readonly string[] {
  return parted(uri)
    .parameters.filter(isToken)
    .map((one) => one.slice(one.indexOf('=') + 1))
}

function parted(uri: string): { readonly path: string; readonly parameters: readonly string[] } {
  const start = uri.indexOf('?')
  if (start === -1) return { path: uri, parameters: [] }
  return { path: uri.slice(0, start), parameters: uri.slice(start + 1).split('&') }
}

/** Also if its name is written in another way: whoever reads it decodes it. */
function isToken(parameter: string): boolean {
  return new URLSearchParams(parameter).has('access_token')
}
