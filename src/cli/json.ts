/**
 * A JSON text, read. `keys` are those of the outermost object, in order and as often as they are written: a JavaScript object
 * keeps only the last of those that are alike. Or else where the text stops being JSON: `found` is a character in quotes, or `end`.
 */
export type JsonReading =
  | { readonly value: unknown; readonly keys: readonly string[] }
  | { readonly found: string; readonly line: number; readonly column: number }

const SPACE = /[ \t\r\n]*/y
const ATOM = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
/** Control characters must be escaped, but only those of ASCII (RFC 8259, section 7). */
const STRING = /"(?:(?!["\\])[\P{Cc}\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy

/**
 * Reads JSON (RFC 8259) as `JSON.parse` does, and tells what that keeps for itself: where a mistake is, which it says in
 * some versions and for some mistakes only, and keys that are written twice.
 */
export function readJson(text: string): JsonReading {
  const scanner = new Scanner(text)
  if (scanner.whole()) return { value: JSON.parse(text), keys: scanner.keys }
  const before = text.slice(0, scanner.at).split('\n')
  const char = text.codePointAt(scanner.at)
  const found = char === undefined ? 'end' : JSON.stringify(String.fromCodePoint(char))
  return { found, line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

/** Walks over a JSON text. A method returns whether what it is named after stood at `at`, and leaves `at` behind it. */
class Scanner {
  readonly keys: string[] = []
  at = 0
  readonly #text: string
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): boolean {
    return this.#value() && this.at === this.#text.length
  }

  #value(): boolean {
    this.#token(SPACE)
    const found = this.#object() ?? this.#array() ?? (this.#token(STRING) || this.#token(ATOM))
    this.#token(SPACE)
    return found
  }

  #object(): boolean | null {
    return this.#list('{', '}', () => {
      const start = this.at
      if (!this.#token(STRING)) return false
      if (this.#depth === 1) this.keys.push(String(JSON.parse(this.#text.slice(start, this.at))))
      this.#token(SPACE)
      return this.#char(':') && this.#value()
    })
  }

  #array(): boolean | null {
    return this.#list('[', ']', () => this.#value())
  }

  /** Null if it does not begin here. */
  #list(open: string, close: string, member: () => boolean): boolean | null {
    if (!this.#char(open)) return null
    this.#depth++
    this.#token(SPACE)
    if (!this.#char(close)) {
      do {
        this.#token(SPACE)
        if (!member()) return false
      } while (this.#char(','))
      if (!this.#char(close)) return false
    }
    this.#depth--
    return true
  }

  #char(char: string): boolean {
    const found = this.#text[this.at] === char
    if (found) this.at++
    return found
  }

  #token(pattern: RegExp): boolean {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.#text)
    this.at += found?.[0].length ?? 0
    return found !== null
  }
}
