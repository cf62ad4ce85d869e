import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { configure } from '../../src/cli/configure.ts'
import { FLAGS, OURS, TUSD_ONLY } from '../../src/cli/flags.ts'
import { setUp } from './program.ts'

setUp()

/**
 * The flags of tusd (v2.10) on listening, TLS, protocol, CORS, disk, S3, hooks, monitoring and time-outs, with their defaults as
 * tusd writes them; but for s3-part-size, which is 50 MiB there.
 */
const TUSD: Readonly<Record<string, string>> = {
  host: '0.0.0.0',
  port: '8080',
  'unix-sock': '',
  'base-path': '/files/',
  'behind-proxy': 'false',
  'enable-h2c': 'false',
  'tls-certificate': '',
  'tls-key': '',
  'tls-mode': 'tls12',
  'enable-experimental-protocol': 'false',
  'disable-download': 'false',
  'disable-termination': 'false',
  'disable-concatenation': 'false',
  'max-size': '0',
  'disable-cors': 'false',
  'cors-allow-origin': '.*',
  'cors-allow-credentials': 'false',
  'cors-allow-methods': '',
  'cors-allow-headers': '',
  'cors-max-age': '86400',
  'cors-expose-headers': '',
  'upload-dir': './data',
  'filelock-holder-poll-interval': '5s',
  'filelock-acquirer-poll-interval': '2s',
  'dir-perms': '775',
  'file-perms': '664',
  's3-bucket': '',
  's3-object-prefix': '',
  's3-endpoint': '',
  's3-min-part-size': '5242880',
  's3-part-size': '16777216',
  's3-max-buffered-parts': '20',
  's3-disable-content-hashes': 'false',
  's3-disable-ssl': 'false',
  's3-concurrent-part-uploads': '10',
  's3-transfer-acceleration': 'false',
  's3-log-api-calls': 'false',
  'hooks-enabled-events': 'pre-create,post-create,post-receive,post-terminate,post-finish',
  'progress-hooks-interval': '1s',
  'hooks-dir': '',
  'hooks-http': '',
  'hooks-http-forward-headers': '',
  'hooks-http-retry': '3',
  'hooks-http-backoff': '1s',
  'hooks-http-timeout': '15s',
  'hooks-http-size-limit': '5120',
  'hooks-http-skip-verify': 'false',
  'hooks-grpc': '',
  'hooks-grpc-retry': '3',
  'hooks-grpc-backoff': '1s',
  'hooks-grpc-secure': 'false',
  'hooks-grpc-server-tls-certificate': '',
  'hooks-grpc-client-tls-certificate': '',
  'hooks-grpc-client-tls-key': '',
  'hooks-grpc-forward-headers': '',
  'hooks-plugin': '',
  'expose-metrics': 'true',
  'metrics-path': '/metrics',
  'expose-pprof': 'false',
  'pprof-path': '/debug/pprof/',
  'pprof-block-profile-rate': '0',
  'pprof-mutex-profile-rate': '0',
  'show-greeting': 'true',
  version: 'false',
  verbose: 'true',
  'show-startup-logs': 'true',
  'log-format': 'text',
  'network-timeout': '60s',
  'shutdown-timeout': '10s',
  'acquire-lock-timeout': '20s',
  'request-completion-timeout': '10s',
}

describe('the flags of tusd', () => {
  test.each(Object.entries(TUSD))('-%s is known, with the default %j', (name, text) => {
    const written = configure([`-${name}=${text}`], {}).origins.get(name)
    const left = configure([], {}).origins.get(name)
    expect(written?.origin.source).toBe('flag')
    expect(left?.origin.source).toBe('default')
    expect(left?.value).toEqual(written?.value)
  })

  test('the older name of -upload-dir is known', () => {
    expect(configure(['-dir', 'x'], {}).settings['upload-dir']).toBe('x')
  })

  test.each(['tls13', 'tls12', 'tls12-strong'])('-tls-mode %s is known', (mode) => {
    expect(configure(['-tls-mode', mode], {}).settings['tls-mode']).toBe(mode)
  })

  test('every flag is one of tusd or one of ours, and none is both', () => {
    // -help belongs to the flag package of Go
    const all = [...Object.keys(TUSD), ...OURS, 'help']
    expect(all.toSorted()).toEqual(Object.keys(FLAGS).toSorted())
    expect(TUSD_ONLY.filter((name) => all.includes(name))).toEqual([])
  })
})

describe('docs/flags.md', () => {
  const file = readFileSync('docs/flags.md', 'utf8')

  test('is what the table of flags says', () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['scripts/flags-doc.js', '--stdout'], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(file, 'docs/flags.md is out of date: run "npm run build && node scripts/flags-doc.js"').toBe(stdout)
  })

  test('has one row for each flag, and says which are of tusd', () => {
    const rows = [...file.matchAll(/^\| `-([\w-]+)[` ].*\| (yes)? ?\|$/gm)].map(
      ([, name, tusd]) => [name, tusd] as const,
    )
    expect(rows.map(([name]) => name)).toEqual(Object.keys(FLAGS))
    const ofTusd = rows.filter(([, tusd]) => tusd === 'yes').map(([name]) => name ?? '')
    expect(ofTusd.toSorted()).toEqual([...Object.keys(TUSD), 'help'].toSorted())
  })
})
