import type { RequestInfo } from '../../core/hooks.ts'
import { publicFields, publicUri } from '../../core/secrets.ts'
import { type Concat, parseUploadId, type Upload } from '../../core/upload.ts'
import type { Told } from '../consult.ts'

/** An event that a hook is to be told of, as it is written down. */
export interface EventNote {
  /** Of the occasion. */
  readonly id: string
  readonly moment: Told
  readonly at: Date
  /**
   * Whether it has happened. It is written down before, so that it cannot be forgotten; if the process dies in between, the upload itself
   * tells.
   */
  readonly happened: boolean
  /** Deliveries that failed. */
  readonly attempts: number
  /** When the next may be tried. */
  readonly due: Date
  readonly upload: Upload
  readonly request: RequestInfo
}

/** Fields of a request that are for the server alone; a note may lie on a disk for a long time. */
const SECRET: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie'])

export function printNote(note: EventNote): string {
  const { request, upload } = note
  const headers = Object.entries(publicFields(request.headers?.() ?? {})).filter(([name]) => !SECRET.has(name))
  return JSON.stringify({
    ...note,
    upload: { ...upload, metadata: [...upload.metadata] },
    request: {
      method: request.method,
      id: request.id,
      uri: publicUri(request.uri),
      remoteAddress: request.remoteAddress,
      headers: Object.fromEntries(headers),
    },
  })
}

/** Null if it is not a note of ours, or of another version. */
export function parseNote(text: string): EventNote | null {
  try {
    return checked(JSON.parse(text))
  } catch {
    return null
  }
}

/** The form of {@link printNote}. */
interface Written extends Omit<EventNote, 'at' | 'due' | 'upload' | 'request'> {
  readonly at: string
  readonly due: string
  readonly upload: Omit<Upload, 'metadata' | 'createdAt' | 'expiresAt' | 'modifiedAt'> & {
    readonly metadata: readonly (readonly [string, string | null])[]
    readonly createdAt: string
    readonly expiresAt: string | null
    readonly modifiedAt: string
  }
  readonly request: Omit<RequestInfo, 'header' | 'headers'> & { readonly headers: Readonly<Record<string, string>> }
}

/** We wrote it ourselves, in one step: what is looked at is whether it is that at all. */
function isWritten(value: unknown): value is Written {
  if (typeof value !== 'object' || value === null) return false
  if (!('id' in value && 'moment' in value && 'upload' in value && 'request' in value)) return false
  return value.moment === 'postFinish' || value.moment === 'postTerminate'
}

function checked(value: unknown): EventNote | null {
  if (!isWritten(value)) return null
  const { upload, request } = value
  const { concat } = upload
  const { headers, ...rest } = request
  return {
    ...value,
    at: new Date(value.at),
    due: new Date(value.due),
    upload: {
      ...upload,
      id: parseUploadId(upload.id),
      concat: concat === null ? null : sound(concat),
      metadata: new Map(upload.metadata),
      createdAt: new Date(upload.createdAt),
      expiresAt: upload.expiresAt === null ? null : new Date(upload.expiresAt),
      modifiedAt: new Date(upload.modifiedAt),
    },
    request: { ...rest, header: (name) => headers[name] ?? null, headers: () => headers },
  }
}

function sound(concat: Concat): Concat {
  return concat.role === 'partial' ? concat : { role: 'final', parts: concat.parts.map((part) => parseUploadId(part)) }
}
