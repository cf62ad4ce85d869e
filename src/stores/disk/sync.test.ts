import { describe, expect, it, vi } from 'vitest'
import { folderSync } from './sync.ts'

/** Syncs that end when told to. */
function heldSyncs() {
  const running: { folder: string; end: () => void; fail: (error: Error) => void }[] = []
  const sync = folderSync(
    (folder) => new Promise((resolve, reject) => running.push({ folder, end: resolve, fail: reject })),
  )
  return { running, sync }
}

describe('syncing a folder', () => {
  it('is done once for all who ask while another sync runs, and not by the one that runs', async () => {
    const { running, sync } = heldSyncs()
    const ended: string[] = []
    const ask = (name: string) => sync('a').then(() => ended.push(name))
    const first = ask('first')
    const rest = [ask('second'), ask('third'), ask('fourth')]
    expect(running).toHaveLength(1)

    running[0]?.end()
    await first
    await vi.waitFor(() => expect(running).toHaveLength(2), 60_000)
    expect(ended).toEqual(['first'])
    const late = ask('late')

    running[1]?.end()
    await Promise.all(rest)
    expect(ended).toEqual(['first', 'second', 'third', 'fourth'])
    await vi.waitFor(() => expect(running).toHaveLength(3), 60_000)
    running[2]?.end()
    await late
  })

  it('does not wait for another folder', async () => {
    const { running, sync } = heldSyncs()
    const a = sync('a')
    const b = sync('b')
    expect(running.map(({ folder }) => folder)).toEqual(['a', 'b'])
    running[1]?.end()
    await b
    running[0]?.end()
    await a
  })

  it('begins anew when nobody waits', async () => {
    const { running, sync } = heldSyncs()
    for (let turn = 0; turn < 3; turn++) {
      const done = sync('a')
      expect(running).toHaveLength(turn + 1)
      running[turn]?.end()
      await done
    }
  })

  it('that fails, fails for those who waited for it only', async () => {
    const { running, sync } = heldSyncs()
    const first = expect(sync('a')).rejects.toThrow('disk')
    const second = sync('a')
    running[0]?.fail(new Error('disk'))
    await first
    await vi.waitFor(() => expect(running).toHaveLength(2), 60_000)
    running[1]?.end()
    await second
  })

  it('that does not exist is no failure: its removal is in the folder above', async () => {
    await folderSync()('/no/such/folder')
  })
})
