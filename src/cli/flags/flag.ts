/** A row of the table. */
export type Flag = FlagText & FlagKind

interface FlagText {
  /** For `--help`, without a full stop: the default is added to it. */
  readonly help: string
  /** As a user would write it; it takes the same way as what they write. */
  readonly default: string
  /** Older names. */
  readonly aliases?: readonly string[]
  /** What `--help` shows in the place of the value, where the kind alone says too little. */
  readonly value?: string
}

/** What the text of a value means, and which values are allowed. Times are in milliseconds, sizes in bytes. */
export type FlagKind =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'string'; readonly required?: boolean }
  /** Words between commas; none if empty. */
  | { readonly kind: 'list' }
  /** A regular expression; `(?i)` in front makes it ignore case, as in Go. */
  | { readonly kind: 'pattern' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'octal' }
  | { readonly kind: 'integer' | 'bytes' | 'duration'; readonly min?: number; readonly max?: number }

/** Rows under one heading of `--help`. */
export type FlagGroup = Readonly<Record<string, Flag>>

/** The type of a row's value. */
export type ValueOf<F extends Flag> = F extends { readonly kind: 'boolean' }
  ? boolean
  : F extends { readonly kind: 'string' }
    ? string
    : F extends { readonly kind: 'list' }
      ? readonly string[]
      : F extends { readonly kind: 'pattern' }
        ? RegExp
        : F extends { readonly kind: 'choice'; readonly choices: readonly (infer Choice)[] }
          ? Choice
          : number

/** In milliseconds. A timer of Node that is longer than 2^31 - 1 would fire at once. */
export const LONGEST_TIMER = 596 * 3_600_000
