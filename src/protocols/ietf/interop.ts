import type { UploadRequest } from '../exchange.ts'
import { parseInteger } from './fields.ts'

/**
 * How one version of the draft wants to be spoken to. All that differs between versions is here; nothing else in the code
 * knows a number.
 */
export interface Rules {
  /** Value of Upload-Draft-Interop-Version. */
  readonly version: number
  /** The field that tells whether an upload is complete, and what it says of one that is. */
  readonly completeness: { readonly name: string; readonly key: Lowercase<string>; readonly whenComplete: boolean }
  /** Whether an append that says nothing of completeness is the last. Otherwise it is refused. */
  readonly silenceCompletes: boolean
  /** Media type that an append must have; null for any. */
  readonly mediaType: string | null
  /** Status of an append after which more is to come. */
  readonly appended: 201 | 204
  /** Whether Upload-Length is read from requests. */
  readonly readsLength: boolean
  /** Whether a retrieval tells the length. */
  readonly tellsLength: boolean
  /** What the lifetime is called in Upload-Limit; null if the version does not know that field. */
  readonly lifetime: 'expires' | 'max-age' | null
  /** Whether 104 may be repeated, to tell the offset. */
  readonly progress: boolean
  /** Fields of an upload's state that HEAD and DELETE must not carry. */
  readonly forbidden: readonly Lowercase<string>[]
  /** Whether content beyond the length ends the upload for good. */
  readonly surplusIsFatal: boolean
  /** Whether an empty, last append to a complete upload is answered as the one before it was; else it is refused. */
  readonly replays: boolean
  /** Type of the problem that a complete upload takes no bytes; null where there is none. */
  readonly completedProblem: string | null
}

/** Where types of problems are registered. */
export const REGISTRY = 'https://iana.org/assignments/http-problem-types#'

const COMPLETE = { name: 'Upload-Complete', key: 'upload-complete', whenComplete: true } as const
const INCOMPLETE = { name: 'Upload-Incomplete', key: 'upload-incomplete', whenComplete: false } as const
const PARTIAL_UPLOAD = 'application/partial-upload'

/** draft-ietf-httpbis-resumable-upload-01. */
const V3: Rules = {
  version: 3,
  completeness: INCOMPLETE,
  silenceCompletes: true,
  mediaType: null,
  appended: 201,
  readsLength: false,
  tellsLength: false,
  lifetime: null,
  progress: false,
  forbidden: ['upload-offset', 'upload-incomplete'],
  surplusIsFatal: false,
  replays: true,
  completedProblem: null,
}

/** -02: the sense of the field is turned around. */
const V4: Rules = {
  ...V3,
  version: 4,
  completeness: COMPLETE,
  silenceCompletes: false,
  forbidden: ['upload-offset', 'upload-complete'],
}

/** -03: progress. Upload-Length is of -05, but clients send it with this version, too. */
const V5: Rules = { ...V4, version: 5, progress: true, readsLength: true }

/** -04 and -05: media type, limits, problems. */
const V6: Rules = {
  ...V5,
  version: 6,
  mediaType: PARTIAL_UPLOAD,
  lifetime: 'expires',
  tellsLength: true,
  replays: false,
  completedProblem: `${REGISTRY}completed-upload`,
}

/** -09 to -11. */
const V8: Rules = {
  ...V6,
  version: 8,
  lifetime: 'max-age',
  appended: 204,
  forbidden: [],
  surplusIsFatal: true,
  replays: true,
  completedProblem: null,
}

/** The text after -11. What it added to 8 is allowed there, too. */
const V9: Rules = { ...V8, version: 9 }

const TABLE: readonly Rules[] = [V3, V4, V5, V6, V8, V9]

/** The interop versions that are spoken, oldest first. */
export const INTEROP_VERSIONS: readonly number[] = TABLE.map(({ version }) => version)

/** What is spoken to who names no version, or one that we do not know: some day the final text. */
export const NEWEST: Rules = V9

const VERSION = 'upload-draft-interop-version'

/** The rules of a request, and whether its client named their version: only then may it be sent a 104. */
export interface Speech {
  readonly rules: Rules
  readonly named: boolean
}

/** Which version a request is spoken in. */
export function speechOf(request: UploadRequest): Speech {
  const version = parseInteger(request.header(VERSION))
  const rules = TABLE.find((row) => row.version === version)
  if (rules !== undefined) return { rules, named: true }
  const oldest = request.header(COMPLETE.key) === null && request.header(INCOMPLETE.key) !== null
  return { rules: oldest ? V3 : NEWEST, named: false }
}

/** Whether a request carries any mark of the draft. */
export function isMarked(request: UploadRequest): boolean {
  return ([VERSION, COMPLETE.key, INCOMPLETE.key] as const).some((name) => request.header(name) !== null)
}

/** The field by which a 104 says which version it is of. */
export function versionField({ version }: Rules): Readonly<Record<string, string>> {
  return { 'Upload-Draft-Interop-Version': String(version) }
}
