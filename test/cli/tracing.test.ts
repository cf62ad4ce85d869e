import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { TUS } from './client.ts'
import { newFolder, setUp, startWith } from './program.ts'

setUp()

const SDK = new URL('./fixtures/tracing-sdk.mjs', import.meta.url).href

test('-tracing makes spans by the SDK that node was told to load', async () => {
  const folder = newFolder()
  const spans = join(folder, 'spans')
  process.env['SPANS'] = spans
  const { url } = await startWith(['--import', SDK], '-tracing', '-upload-dir', join(folder, 'data'))
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const answer = await fetch(url, { method: 'POST', headers: { ...TUS, 'Upload-Length': '5', traceparent } })
  expect(answer.status).toBe(201)
  const seen = await vi.waitFor(() => {
    const lines = readFileSync(spans, 'utf8').trim().split('\n')
    const found = lines.map((line) => JSON.parse(line))
    expect(found.at(-1)).toMatchObject({ name: 'POST /files/', parent: 'b7ad6b7169203331' })
    return found
  }, 60_000)
  expect(seen.map(({ name }) => name)).toEqual([
    'tusker.lock.wait',
    'tusker.store.create',
    'tusker.lock.hold',
    'POST /files/',
  ])
  expect(new Set(seen.map(({ traceId }) => traceId))).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']))
})

test('-tracing without the package says what to install', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const folder = newFolder()
  const packages = ['content-disposition', 'structured-headers'].map((name) => join('node_modules', name))
  for (const path of ['bin', 'dist', 'package.json', ...packages]) {
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  const args = [join(folder, 'bin', 'tusker.js'), '-tracing', '-upload-dir', join(folder, 'data')]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toBe(
    'tusker: flag -tracing needs a package that is not installed: npm install @opentelemetry/api beside tusker, and an SDK of your choice\n',
  )
})
