import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../clients/support/bytes.ts'
import { Failure, transfer } from '../clients/support/transfer.ts'
import { runScript } from '../examples/support.ts'

const TUS = { 'Tus-Resumable': '1.0.0' }

describe('examples/rights/links.js', () => {
  const script = runScript('examples/rights/links.js')

  async function link(): Promise<string> {
    const answer = await fetch(new URL('/links', script.url()), { method: 'POST' })
    expect(answer.status).toBe(201)
    return /"link":"([^"]+)"/.exec(await answer.text())?.[1] ?? 'missing:'
  }

  it('stands in docs/rights.md as it is', () => {
    const code = readFileSync('examples/rights/links.js', 'utf8')
    expect(readFileSync('docs/rights.md', 'utf8')).toContain(`\`\`\`js\n${code}\`\`\``)
  })

  it('hands out links, each with uploads of its own, by which tus-js-client uploads', async () => {
    const bytes = Buffer.alloc(2_000_000, 'tusker')
    const endpoint = await link()
    const { url } = await transfer(bytes, { endpoint, chunkSize: 1_000_000 })
    const kept = readFileSync(`${script.folder}/data/${new URL(url).pathname.split('/').at(-1)}`)
    expect(sha256(kept)).toBe(sha256(bytes))
    expect((await fetch(url, { method: 'HEAD', headers: TUS })).status).toBe(200)
    expect((await fetch(url)).status).toBe(404)
    const other = new URL(url)
    other.search = new URL(await link()).search
    expect((await fetch(other, { method: 'HEAD', headers: TUS })).status).toBe(404)
  })

  it('takes nothing without a link, nor more than the link allows', async () => {
    const bare = await fetch(script.url(), { method: 'POST', headers: { ...TUS, 'Upload-Length': '5' } })
    expect(bare.status).toBe(401)
    const tooMuch = transfer(Buffer.alloc(6 * 1024 * 1024), { endpoint: await link() })
    const failure = await tooMuch.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(Failure)
    expect(failure).toMatchObject({ status: 413 })
    expect((await fetch(new URL('/else', script.url()))).status).toBe(404)
  })
})
