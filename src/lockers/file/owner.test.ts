import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, it, onTestFinished } from 'vitest'
import { lockFolder } from './folder.ts'
import { parseIdentity, printIdentity } from './identity.ts'
import { Owner } from './owner.ts'

function newFolder() {
  const directory = mkdtempSync(`${tmpdir()}/tusker-locks-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return lockFolder(directory)
}

it('who was given up between two steps removes, replaces and makes nothing any more', () => {
  const folder = newFolder()
  const [givenUp, heir] = [new Owner(folder, 1000), new Owner(folder, 1000)]
  const path = `${folder.path}/a.lock`
  expect(givenUp.place(path)).toBe('placed')
  expect(givenUp.owns(path)).toBe(true)
  rmSync(givenUp.directory, { recursive: true })
  expect(heir.replace(path)).toBe(true)

  givenUp.remove(path)
  expect(heir.owns(path)).toBe(true)
  expect(givenUp.replace(path)).toBe(false)
  expect(heir.owns(path)).toBe(true)
  expect(givenUp.place(`${folder.path}/b.lock`)).toBe('lost')
  expect(existsSync(`${folder.path}/b.lock`)).toBe(false)
  expect(givenUp.beat()).toBe(false)
  expect(heir.beat()).toBe(true)
})

it('a heartbeat renames the identity, so that who saw it stand still cannot stop it afterwards', () => {
  const owner = new Owner(newFolder(), 1000)
  const seen = readdirSync(owner.directory)
  expect(owner.beat()).toBe(true)
  const now = readdirSync(owner.directory)
  expect(now).toHaveLength(1)
  expect(now).not.toEqual(seen)
  expect(parseIdentity(readFileSync(`${owner.directory}/${now[0]}`, 'utf8'))).toEqual(owner.identity)
})

it('a lock file is removed, and not only one of two links to the same identity', () => {
  const folder = newFolder()
  const owner = new Owner(folder, 1000)
  for (let round = 0; round < 3; round++) {
    for (const name of ['a', 'b']) expect(owner.place(`${folder.path}/${name}.lock`)).toBe('placed')
    expect(owner.place(`${folder.path}/a.lock`)).toBe('taken')
    for (const name of ['a', 'b']) owner.remove(`${folder.path}/${name}.lock`)
    expect(readdirSync(folder.path)).toEqual(['owners'])
  }
  owner.retire()
  expect(readdirSync(folder.owners)).toEqual([])
})

it('no part of an identity reads as an identity', () => {
  const { identity } = new Owner(newFolder(), 1000)
  const text = printIdentity(identity)
  expect(parseIdentity(text)).toEqual(identity)
  for (let length = 0; length < text.length - 1; length++) expect(parseIdentity(text.slice(0, length))).toBe(null)
  expect(parseIdentity(JSON.stringify({ ...identity, token: '../../..' }))).toBe(null)
  expect(parseIdentity(JSON.stringify({ ...identity, pid: 0 }))).toBe(null)
  expect(parseIdentity('null')).toBe(null)
})
