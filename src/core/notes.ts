import { UploadError } from './errors.ts'

/**
 * Small texts that outlive the process, kept by a store beside its uploads: what must not be forgotten when the process dies. A name
 * is made of segments of `a-z`, `0-9`, `-` and `.`, none beginning with a dot, joined by `/`; 200 characters at most.
 */
export interface Notes {
  /** Writes a note, in place of an older one or of none. Whoever reads it finds all of the old or all of the new. Durable as the store is. */
  put(name: string, text: string): Promise<void>
  /** Null if there is none. */
  get(name: string): Promise<string | null>
  /** Succeeds if there is none. */
  remove(name: string): Promise<void>
  /** Names of all notes in a folder: `list('outbox')` finds `outbox/a`. In any order; what comes and goes meanwhile may be missed. */
  list(folder: string): AsyncIterable<string>
}

/** Whether `name` is the name of a note, so that a store may take it for that of a file or an object without looking at it again. */
export function isNoteName(name: string): boolean {
  return name.length <= 200 && /^[a-z0-9-][a-z0-9.-]*(\/[a-z0-9-][a-z0-9.-]*)*$/.test(name)
}

/** Notes that end with the process, for stores that keep none. */
export function memoryNotes(): Notes {
  const notes = new Map<string, string>()
  return {
    async put(name, text) {
      if (!isNoteName(name)) throw new UploadError('internal', { hint: `${name} is not the name of a note` })
      notes.set(name, text)
    },
    get: async (name) => notes.get(name) ?? null,
    async remove(name) {
      notes.delete(name)
    },
    async *list(folder) {
      for (const name of [...notes.keys()]) if (name.startsWith(`${folder}/`)) yield name
    },
  }
}
