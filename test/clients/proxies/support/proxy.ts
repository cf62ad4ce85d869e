import { createHash, X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { vi } from 'vitest'
import { temporaryFolder } from '../../support/bytes.ts'
import { type Running, run, start } from '../../support/processes.ts'
import { tool } from '../../support/tools.ts'
import type { Tusker } from '../../support/tusker.ts'
import { changed, documented, filledIn } from './configuration.ts'

/** How a proxy is set up: the parts of docs/proxies.md that are put together. */
export interface Arrangement {
  readonly fields: 'X-Forwarded-*' | 'Forwarded'
  /** Path that the proxy takes away; empty for none. */
  readonly prefix: '' | '/api'
  readonly buffered: boolean
}

/** Every arrangement. */
export const ARRANGEMENTS: readonly Arrangement[] = (['X-Forwarded-*', 'Forwarded'] as const).flatMap((fields) =>
  (['', '/api'] as const).flatMap((prefix) => [false, true].map((buffered) => ({ fields, prefix, buffered }))),
)

/** A proxy that runs, for TLS on localhost. It does not outlive the test. */
export interface RunningProxy {
  /** `https://localhost:PORT` */
  readonly origin: string
  /** File with the certificate that clients should trust (PEM). */
  readonly certificate: string
  /** Base64 of the SHA-256 of its public key. */
  readonly fingerprint: string
  /** Whether a buffered request that is cut off is dropped with all that came. (Caddy may pass that on, or not.) */
  readonly dropsWhatIsCut: boolean
  /** What it has said so far. */
  output(): string
}

/** Starts nginx as docs/proxies.md sets it up. `without`: lines that are left out. */
export async function startNginx(
  upstream: Tusker,
  wanted: Arrangement,
  without: readonly string[] = [],
): Promise<RunningProxy> {
  const [folder, port] = [await temporaryFolder(), await freePort()]
  const { certificate, key, fingerprint } = await makeCertificate(folder)
  const server = filledIn(configured('nginx', wanted), [
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['uploads.example.org', 'localhost'],
    ['/etc/ssl/uploads.crt', certificate],
    ['/etc/ssl/uploads.key', key],
    ['127.0.0.1:8080', `127.0.0.1:${upstream.port}`],
    ...without.map((line) => [line, ''] as const),
  ])
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  const map = wanted.fields === 'Forwarded' ? documented('nginx forwarded map') : ''
  // One process, so that nothing is left when it is killed, and none that may not read the folder of the test
  const configuration = [
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr;`,
    'events {}',
    `http { access_log off; ${temporary.join(' ')}\n${map}\n${server} }`,
  ].join('\n')
  const file = await written(folder, 'nginx.conf', configuration)
  const running = await start(tool('nginx'), ['-p', folder, '-e', 'stderr', '-c', file])
  await answering(port, running)
  return { origin: `https://localhost:${port}`, certificate, fingerprint, dropsWhatIsCut: true, output: running.output }
}

/** Starts Caddy as docs/proxies.md sets it up, for one version of HTTP only. */
export async function startCaddy(
  upstream: Tusker,
  wanted: Arrangement,
  protocol: 'h1' | 'h2' | 'h3',
): Promise<RunningProxy> {
  const [folder, port] = [await temporaryFolder(), await freePort()]
  const { certificate, key, fingerprint } = await makeCertificate(folder)
  const site = filledIn(configured('caddy', wanted), [
    ['uploads.example.org {', `https://localhost:${port} {\n\tbind 127.0.0.1\n\tlog\n\ttls ${certificate} ${key}`],
    ['127.0.0.1:8080', `127.0.0.1:${upstream.port}`],
  ])
  // HTTP/2 comes with HTTP/1.1 here; nothing falls back from or to HTTP/3
  const versions = protocol === 'h2' ? 'h1 h2' : protocol
  const global = ['admin off', 'auto_https disable_redirects', 'skip_install_trust', `storage file_system ${folder}`]
  const configuration = `{\n${global.join('\n')}\nservers {\nprotocols ${versions}\n}\n}\n${site}`
  const file = await written(folder, 'Caddyfile', configuration)
  const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const env = Object.entries(home).map(([name, value]) => `${name}=${value}`)
  const running = await start('/usr/bin/env', [
    ...env,
    tool('caddy'),
    'run',
    '--config',
    file,
    '--adapter',
    'caddyfile',
  ])
  if (protocol === 'h3') await saying(/serving initial configuration/, running)
  else await answering(port, running)
  return {
    origin: `https://localhost:${port}`,
    certificate,
    fingerprint,
    dropsWhatIsCut: false,
    output: running.output,
  }
}

function configured(program: 'nginx' | 'caddy', { fields, prefix, buffered }: Arrangement): string {
  let configuration = documented(program)
  if (prefix !== '') configuration = changed(configuration, documented(`${program} prefix`))
  if (fields === 'Forwarded') configuration = changed(configuration, documented(`${program} forwarded`))
  if (buffered) configuration = changed(configuration, documented(`${program} buffered`))
  return configuration
}

async function written(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

/** A key, and a certificate for localhost that it signed itself. */
async function makeCertificate(folder: string) {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const files = ['-keyout', key, '-out', certificate]
  const made = await run(tool('openssl'), ['req', '-x509', ...curve, ...names, '-days', '7', ...files])
  if (made.code !== 0) throw new Error(`openssl made no certificate:\n${made.stderr}`)
  const { publicKey } = new X509Certificate(await readFile(certificate))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return { key, certificate, fingerprint: createHash('sha256').update(spki).digest('base64') }
}

/** A port that nobody listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('there is no free port')
  return address.port
}

/** Waits until somebody takes connections on a port. */
async function answering(port: number, running: Running): Promise<void> {
  const tried = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(void socket.destroy()))
      socket.once('error', () => reject(new Error(`the proxy does not listen:\n${running.output()}`)))
    })
  await vi.waitFor(tried, { timeout: 60_000, interval: 20 })
}

/** Waits until a program has said that. */
async function saying(what: RegExp, running: Running): Promise<void> {
  const said = () => {
    if (!what.test(running.output())) throw new Error(`the proxy does not say ${what}:\n${running.output()}`)
  }
  await vi.waitFor(said, { timeout: 60_000, interval: 20 })
}
