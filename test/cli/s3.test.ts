import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createRawServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { launch, newFolder, setUp } from './program.ts'

setUp()

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** Nothing of this machine's configuration of AWS. */
const ALONE: NodeJS.ProcessEnv = {
  AWS_ACCESS_KEY_ID: 'key',
  AWS_SECRET_ACCESS_KEY: 'not-to-be-told',
  AWS_REGION: '',
  AWS_PROFILE: '',
  AWS_CONFIG_FILE: '/nonexistent',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_ENDPOINT_URL: '',
  AWS_ENDPOINT_URL_S3: '',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
}

/** Something that listens in the place of a service, and says one thing. Returns its URL. */
async function listening(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  ends.push(() => {
    server.closeAllConnections()
    return new Promise((done) => server.close(done))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

/** A service that refuses everything. */
function refusing(status: number, code: string, message = 'No.'): Promise<string> {
  return listening((_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/xml' })
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`)
  })
}

function tusker(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  return launch(['-host', '127.0.0.1', '-port', '0', '-s3-bucket', 'films', ...args], [], {
    ...ALONE,
    ...environment,
  }).ended()
}

describe('a start with a bucket that cannot be used ends with one line', () => {
  test.each([
    ['NoSuchBucket', 404, 'there is no bucket films at ENDPOINT; create it, or correct -s3-bucket'],
    [
      'InvalidAccessKeyId',
      403,
      'ENDPOINT does not accept the credentials (InvalidAccessKeyId); see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE',
    ],
    [
      'AuthorizationHeaderMalformed',
      400,
      'the bucket films is in another region (AuthorizationHeaderMalformed): No.; correct AWS_REGION or -s3-endpoint',
    ],
    ['RequestTimeTooSkewed', 403, 'the clock of this machine differs from that of ENDPOINT; correct it'],
    ['InternalError', 500, 'ENDPOINT refuses to be asked for an object of the bucket films (500 InternalError): No.'],
  ])('%s', async (code, status, line) => {
    const endpoint = await refusing(status, code)
    expect(await tusker(['-s3-endpoint', endpoint])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `tusker: cannot start: ${line.replace('ENDPOINT', endpoint)}\n`,
    })
  })

  test('something that is no S3', async () => {
    const endpoint = await listening((_, response) => response.writeHead(404).end('<h1>nothing here</h1>'))
    const { code, stderr } = await tusker(['-s3-endpoint', endpoint])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tusker: cannot start: what answers at ${endpoint} does not speak S3 (404); correct -s3-endpoint\n`,
    })
  })

  test('nobody there', async () => {
    const server = createRawServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    await new Promise((done) => server.close(done))
    const { code, stderr } = await tusker(['-s3-endpoint', `http://127.0.0.1:${port}`])
    expect(code).toBe(1)
    expect(stderr).toBe(
      `tusker: cannot start: cannot reach http://127.0.0.1:${port} (ECONNREFUSED): connect ECONNREFUSED 127.0.0.1:${port}; correct -s3-endpoint, or start the service\n`,
    )
  })

  test('no answer', { timeout: 120_000 }, async () => {
    const endpoint = await listening(() => undefined)
    const { code, stderr } = await tusker(['-s3-endpoint', endpoint])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tusker: cannot start: ${endpoint} has not answered in 15 seconds; correct -s3-endpoint, or start the service\n`,
    })
  })

  test('TLS where there is none', async () => {
    const endpoint = (await refusing(403, 'AccessDenied')).replace('http:', 'https:')
    const { code, stderr } = await tusker(['-s3-endpoint', endpoint])
    expect(code).toBe(1)
    expect(stderr).toBe(
      `tusker: cannot start: ${endpoint} does not speak TLS; if that is right, -s3-endpoint begins with http:\n`,
    )
  })

  test('no credentials', async () => {
    const endpoint = await refusing(403, 'AccessDenied')
    const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }
    const { code, stderr } = await tusker(['-s3-endpoint', endpoint], none)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^tusker: cannot start: no credentials for S3 \(.*\); set AWS_ACCESS_KEY_ID and .*\n$/)
  })

  test('no region', async () => {
    const { code, stderr } = await tusker([])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'tusker: no region is known for -s3-bucket: set AWS_REGION\n',
    })
  })

  test('credentials that may not write', async () => {
    const { code, stderr } = await tusker(['-s3-endpoint', await refusing(403, 'AccessDenied')])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^tusker: cannot start: could not use the bucket of s3:\/\/films\/ \(403 AccessDenied\): .*\n$/,
    )
  })
})

test('settings that contradict each other end the start, and -print-config, with exit code 2', async () => {
  const line = 'tusker: flag -s3-transfer-acceleration is for AWS itself, not for an endpoint\n'
  const args = ['-s3-endpoint', 'http://127.0.0.1:1', '-s3-transfer-acceleration']
  expect(await tusker(args)).toMatchObject({ code: 2, stdout: '', stderr: line })
  expect(await tusker([...args, '-print-config'])).toMatchObject({ code: 2, stdout: '', stderr: line })
})

test('-print-config tells of the bucket without asking anybody', async () => {
  const { code, stdout } = await tusker(['-s3-endpoint', 'http://127.0.0.1:1', '-print-config'], {
    TUSKER_S3_OBJECT_PREFIX: 'up/',
  })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ {2}s3-bucket +films +flag$/m)
  expect(stdout).toMatch(/^ {2}s3-object-prefix +up\/ +TUSKER_S3_OBJECT_PREFIX$/m)
  expect(stdout).toMatch(/^ {2}s3-part-size +16MiB +default$/m)
  expect(stdout).not.toContain('not-to-be-told')
})

test('without the SDK a folder is served, and a bucket says what to install', async () => {
  const folder = newFolder()
  for (const name of ['bin', 'dist', 'package.json']) cpSync(name, join(folder, name), { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  for (const name of ['content-disposition', 'structured-headers']) {
    symlinkSync(join(process.cwd(), 'node_modules', name), join(folder, 'node_modules', name))
  }
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(folder, 'bin', 'tusker.js'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...ALONE },
    })
  expect(run('-s3-bucket', 'films')).toMatchObject({
    status: 1,
    stdout: '',
    stderr:
      'tusker: flag -s3-bucket needs a package that is not installed: npm install @aws-sdk/client-s3 beside tusker\n',
  })
  // So far that it takes the folder
  const blocked = run('-upload-dir', join(folder, 'package.json'), '-host', '127.0.0.1', '-port', '0')
  expect(blocked.stderr).toContain('there is a file in the way')
})
