// Compares one upload of 1 GiB over HTTP/2 (h2c) with the same over HTTP/1.1, sent by curl to one server, in turns. Prints the time
// and the CPU time of the server for each, and the ratios of the medians. Linux; curl with HTTP/2. `dist` must be built.
//   node bench/http2.js [rounds] [MiB]
import { spawn } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../bin/tusker.js', import.meta.url))
const ways = { 'HTTP/1.1': ['--http1.1', '-H', 'Expect:'], 'HTTP/2': ['--http2-prior-knowledge'] }
/** Clock ticks of /proc in a second. */
const TICKS = 100

/** Uploads `mebibytes` for `rounds` times each way; returns what was measured and the ratios of the medians. */
export async function compareHttp2(rounds = 3, mebibytes = 1024) {
  const folder = mkdtempSync(join(tmpdir(), 'tusker-http2-'))
  const file = join(folder, 'content')
  const descriptor = openSync(file, 'w')
  ftruncateSync(descriptor, mebibytes * 2 ** 20)
  closeSync(descriptor)
  const args = [
    '-host',
    '127.0.0.1',
    '-port',
    '0',
    '-enable-h2c',
    '-durability',
    'none',
    '-upload-dir',
    join(folder, 'd'),
  ]
  const server = spawn(process.execPath, [program, ...args, '-verbose=false'], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const base = await listening(server)
    const runs = { 'HTTP/1.1': [], 'HTTP/2': [] }
    for (let round = 0; round <= rounds; round++) {
      for (const [way, flags] of Object.entries(ways)) {
        const run = await upload(base, flags, file, mebibytes * 2 ** 20, server.pid)
        // The first round warms up the compiler
        if (round > 0) runs[way].push(run)
      }
    }
    const ratio = (key) => median(runs['HTTP/2'], key) / median(runs['HTTP/1.1'], key)
    return { runs, seconds: ratio('seconds'), cpu: ratio('cpu') }
  } finally {
    server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

async function upload(base, flags, file, length, pid) {
  const tus = ['-H', 'Tus-Resumable: 1.0.0']
  const created = await curl(['-i', ...flags, ...tus, '-X', 'POST', '-H', `Upload-Length: ${length}`, base])
  const url = /^location: (\S+)/im.exec(created)?.[1]
  const media = 'Content-Type: application/offset+octet-stream'
  const before = cpuOf(pid)
  const started = performance.now()
  const answer = await curl([
    '-i',
    ...flags,
    ...tus,
    '-X',
    'PATCH',
    '-H',
    media,
    '-H',
    'Upload-Offset: 0',
    '-T',
    file,
    url,
  ])
  const seconds = (performance.now() - started) / 1000
  const cpu = cpuOf(pid) - before
  if (!new RegExp(`^upload-offset: ${length}\r?$`, 'im').test(answer)) throw new Error(`not stored: ${answer}`)
  await curl([...flags, ...tus, '-X', 'DELETE', url])
  return { seconds, cpu }
}

function curl(args) {
  return new Promise((done, fail) => {
    const child = spawn('curl', ['-sS', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece) => (text += piece))
    child.once('error', fail)
    child.once('close', (code) =>
      code === 0 ? done(text) : fail(new Error(`curl ${args.join(' ')} ended with ${code}: ${text}`)),
    )
  })
}

/** CPU seconds of a process, user and system. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

function listening(server) {
  return new Promise((done, fail) => {
    let text = ''
    server.once('exit', () => fail(new Error(`the server did not start: ${text}`)))
    server.stdout.setEncoding('utf8').on('data', (piece) => {
      text += piece
      const url = /listening on (\S+)/.exec(text)?.[1]
      if (url !== undefined) done(url)
    })
  })
}

function median(runs, key) {
  const sorted = runs.map((run) => run[key]).sort((one, two) => one - two)
  return sorted[Math.floor(sorted.length / 2)]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { runs, seconds, cpu } = await compareHttp2(...process.argv.slice(2).map(Number))
  for (const [way, list] of Object.entries(runs)) {
    console.log(way, list.map((run) => `${run.seconds.toFixed(2)} s (${run.cpu.toFixed(2)} s CPU)`).join(', '))
  }
  console.log(`HTTP/2 takes ${seconds.toFixed(2)} x the time and ${cpu.toFixed(2)} x the CPU time of HTTP/1.1`)
}
