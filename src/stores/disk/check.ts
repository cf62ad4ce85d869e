import { constants } from 'node:fs'
import { sep } from 'node:path'
import { UploadError } from '../../core/errors.ts'
import { codeOf, failure } from './failure.ts'
import { type Disk, remove, using, writeAll } from './files.ts'

/**
 * A name that no upload has (it begins with a dot), so that no list shows it. The same in all processes: what one that died
 * left behind is taken away by the next try of any of them.
 */
const NAME = '.tusker-check'

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC

/** `Store.check`: writes a small file in the folder as the bytes of an upload would be written, and removes it. */
export async function check(disk: Disk): Promise<void> {
  const calls = disk.gaits.pooled
  const path = `${disk.root}${sep}${NAME}`
  try {
    const file = await calls.open(path, CREATE, disk.filePerms)
    await using(calls, file, path, async () => {
      await writeAll(calls, file, [Buffer.from('can uploads be written?\n')], 0)
      if (disk.durability !== 'none') await calls.syncData(file)
    }).catch(async (error: unknown) => {
      await remove(calls, path).catch(() => false)
      throw error
    })
    // Another process may have been as far as this one, and have taken it away.
    await remove(calls, path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw failure(error, `write to ${disk.root}`)
    throw new UploadError('storage_failed', { hint: `the folder ${disk.root} is not there any more` }, { cause: error })
  }
}
