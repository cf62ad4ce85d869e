import { opendir } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { UploadError } from '../../core/errors.ts'
import { isNoteName, type Notes } from '../../core/notes.ts'
import { codeOf, failure, isMissing } from './failure.ts'
import { type Disk, NEW, readSmall, remove, syncNames, using, writeAll } from './files.ts'

/** Where notes are, below the root. No id begins with a dot, and tusd does not look there. */
const FOLDER = '.tusker'

/** More than this is no note. */
const LARGEST = 16 * 1024 * 1024

/** Notes in a folder of their own: `<directory>/.tusker/<name>`. */
export function diskNotes(disk: Disk): Notes {
  const pathOf = (name: string): string => {
    if (!isNoteName(name)) throw new UploadError('internal', { hint: `${name} is not the name of a note` })
    return join(disk.root, FOLDER, name)
  }
  return {
    put: (name, text) => put(disk, pathOf(name), text),
    get: async (name) => (await readSmall(disk, pathOf(name), LARGEST))?.text ?? null,
    async remove(name) {
      await remove(disk.gaits.quick(), pathOf(name))
    },
    list: (folder) => list(pathOf(folder), folder),
  }
}

async function put(disk: Disk, path: string, text: string): Promise<void> {
  const calls = disk.gaits.quick()
  const durable = disk.durability !== 'none'
  const temporary = disk.temporary(path)
  try {
    const file = await openNew(disk, temporary)
    await using(calls, file, temporary, async () => {
      await writeAll(calls, file, [Buffer.from(text)], 0)
      if (durable) await calls.sync(file)
    })
    await calls.rename(temporary, path)
  } catch (error) {
    await remove(calls, temporary).catch(() => false)
    throw failure(error, `write ${path}`)
  }
  if (durable) await syncNames(disk, [path])
}

/** Creates a file, and the folders above it if they are missing. */
async function openNew(disk: Disk, path: string): Promise<number> {
  const calls = disk.gaits.quick()
  try {
    return await calls.open(path, NEW, disk.filePerms)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  await makeFolders(disk, dirname(path))
  return calls.open(path, NEW, disk.filePerms)
}

async function makeFolders(disk: Disk, folder: string): Promise<void> {
  const calls = disk.gaits.quick()
  const way = folder.slice(disk.root.length + 1).split(sep)
  for (let depth = 1; depth <= way.length; depth++) {
    try {
      await calls.mkdir(join(disk.root, ...way.slice(0, depth)), disk.dirPerms)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
  }
}

async function* list(path: string, folder: string): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(path, { bufferSize: 256 })) {
      const name = `${folder}/${entry.name}`
      if (entry.isFile() && isNoteName(name) && !name.endsWith('.tmp')) yield name
    }
  } catch (error) {
    if (!isMissing(error)) throw failure(error, `list ${path}`)
  }
}
