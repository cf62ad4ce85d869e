import { type Browser, chromium } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { tool } from './tools.ts'

/**
 * Starts headless Chromium. It is told to keep to itself: nothing but the pages that tests open.
 * @param network arguments that say how it connects
 */
export async function launchChromium(network: readonly string[] = ['--disable-quic']): Promise<Browser> {
  const args = [
    ...network,
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  return await chromium.launch({ executablePath: tool('chromium'), args })
}

export type PageState =
  | 'ready'
  | 'chosen'
  | 'uploading'
  | 'paused'
  | 'offline'
  | 'done'
  | 'verified'
  | 'terminated'
  | 'failed'

export type Button = 'generate' | 'start' | 'pause' | 'resume' | 'terminate' | 'verify'

/** The upload page in a browser profile of its own, used as a person would: by its file input and its buttons. */
export interface UploadPage {
  click(button: Button): Promise<void>
  choose(path: string): Promise<void>
  /** Waits for a state; throws with what the page says if it fails before. */
  reaches(state: PageState): Promise<void>
  /** The text beside a label (the id of the element). */
  text(id: 'sha256' | 'url' | 'downloaded' | 'error' | 'error-status' | 'error-text'): Promise<string>
  /** Requests that tus-js-client made since the page was loaded: method and Upload-Offset (`-` if it has none). */
  requests(): Promise<string[]>
  reload(): Promise<void>
  /** Takes the network away, or gives it back. */
  setOffline(offline: boolean): Promise<void>
}

export interface UploadPageOptions {
  /** Options of tus-js-client that JSON can carry. */
  readonly options: Readonly<Record<string, unknown>>
  /** Bytes of the file that `generate` makes. */
  readonly size?: number
  /** Hands the file over as a stream of unknown length. */
  readonly stream?: boolean
}

/** Opens the upload page; it is closed when the test ends. */
export async function openUploadPage(browser: Browser, origin: string, wanted: UploadPageOptions): Promise<UploadPage> {
  const context = await browser.newContext()
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const query = new URLSearchParams({ options: JSON.stringify(wanted.options), size: String(wanted.size ?? 0) })
  if (wanted.stream === true) query.set('stream', '')

  const self: UploadPage = {
    click: (button) => page.click(`#${button}`),
    async choose(path) {
      await page.setInputFiles('#file', path)
      await self.reaches('chosen')
    },
    async reaches(state) {
      const awaited = `body[data-state="${state}"]`
      await page.locator(`${awaited}, body[data-state="failed"]`).waitFor({ timeout: 180_000 })
      if ((await page.locator(awaited).count()) === 0) throw new Error(`the page failed: ${await self.text('error')}`)
    },
    text: (id) => page.locator(`#${id}`).innerText(),
    requests: () => page.locator('#requests li').allInnerTexts(),
    async reload() {
      await page.reload()
      await self.reaches('ready')
    },
    setOffline: (offline) => context.setOffline(offline),
  }
  await page.goto(`${origin}/?${query}`)
  await self.reaches('ready')
  return self
}
