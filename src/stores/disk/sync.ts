import { close, constants, fsync, open } from 'node:fs'
import { answered, ended } from './calls.ts'
import { codeOf, isMissing } from './failure.ts'

/**
 * Brings the names in folders to the disk: what was created, renamed or removed in one before the call is durable after it.
 * Callers share the work. One that arrives while a sync of the folder runs cannot know what that one saw, so it waits for
 * the next, together with all who arrive until then.
 */
export function folderSync(sync: (folder: string) => Promise<void> = syncFolder) {
  const turns = new Map<string, { running: Promise<void>; next: Promise<void> | null }>()

  async function run(folder: string): Promise<void> {
    try {
      await sync(folder)
    } finally {
      // Whoever waits for the next turn takes over; without anybody the folder is forgotten.
      if (turns.get(folder)?.next === null) turns.delete(folder)
    }
  }

  return (folder: string): Promise<void> => {
    const turn = turns.get(folder)
    if (turn === undefined) {
      const running = run(folder)
      turns.set(folder, { running, next: null })
      return running
    }
    turn.next ??= turn.running
      .catch(() => undefined)
      .then(() => {
        const running = run(folder)
        turns.set(folder, { running, next: null })
        return running
      })
    return turn.next
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders, and keeps names durable by itself.
  if (process.platform === 'win32') return
  let file: number
  try {
    file = await answered<number>((done) => open(folder, constants.O_RDONLY | constants.O_DIRECTORY, done))
  } catch (error) {
    // Removed meanwhile, being empty. The folder above tells, and is synced as well.
    if (isMissing(error)) return
    throw error
  }
  try {
    await ended((done) => fsync(file, done))
  } catch (error) {
    // Some network file systems have nothing to sync in a folder, and say so.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') throw error
  } finally {
    await ended((done) => close(file, done))
  }
}
