import { chmod, copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Hooks } from '../core/hooks.ts'
import { type NewUpload, parseUploadId, type Upload } from '../core/upload.ts'
import { type ExecHooksOptions, execHooks } from './exec.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tusker-exec-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const wanted: NewUpload = {
  id: parseUploadId('abc'),
  length: 11,
  metadata: new Map(),
  concat: null,
  completion: 'at_length',
  echo: {},
  createdAt: new Date(),
  expiresAt: null,
}
const upload: Upload = { ...wanted, offset: 5, complete: false, modifiedAt: new Date(), storage: {} }
const request = { method: 'POST', uri: '/files/', remoteAddress: null, header: () => null }
const occasion = { id: 'event-1', at: new Date(), attempt: 1 }

async function script(name: string, text: string, mode = 0o755): Promise<void> {
  await writeFile(join(directory, name), text)
  await chmod(join(directory, name), mode)
}
const hooks = (options: Partial<ExecHooksOptions> = {}): Hooks => execHooks({ directory, ...options })
const create = (options: Partial<ExecHooksOptions> = {}) => hooks(options).preCreate?.(wanted, request)
const failing = (hint: string | RegExp) => ({
  code: 'hook_failed',
  details: { hint: typeof hint === 'string' ? expect.stringContaining(hint) : expect.stringMatching(hint) },
})

describe('a hook in an executable file', () => {
  it.each(['cat', 'cat /dev/stdin', 'cat /proc/self/fd/0', 'read -r line; echo "$line"'])(
    'gets the message on its standard input: %s',
    async (reader) => {
      await script('pre-create', `#!/bin/bash\n${reader} > message\n`)
      await create()
      const message = JSON.parse(await readFile(join(directory, 'message'), 'utf8'))
      expect(message).toMatchObject({ Type: 'pre-create', Event: { Upload: { ID: '', Size: 11 } } })
    },
  )

  it('has its folder for working directory, the variables of tusd, and nothing of our environment but what it is given', async () => {
    await script('post-finish', '#!/bin/sh\npwd > where\nenv > variables\n')
    await hooks({ environment: { PATH: process.env['PATH'], GIVEN: 'yes' } }).postFinish?.(upload, request, occasion)
    expect((await readFile(join(directory, 'where'), 'utf8')).trim()).toBe(directory)
    const variables = await readFile(join(directory, 'variables'), 'utf8')
    for (const line of ['TUS_ID=abc', 'TUS_SIZE=11', 'TUS_OFFSET=5', 'TUSKER_EVENT_ID=event-1', 'GIVEN=yes'])
      expect(variables).toContain(line)
    expect(variables).not.toContain('HOME=')
  })

  it.each([`echo '{"RejectUpload": true}'`, `echo '{"RejectUpload": true}' > /dev/stdout`])(
    'answers on its standard output: %s',
    async (command) => {
      await script('pre-create', `#!/bin/sh\n${command}\n`)
      expect(await create()).toEqual({ reject: true })
    },
  )

  it.each(['true', 'echo', 'exit 0', 'echo "for the log" >&2'])('that prints nothing agrees: %s', async (command) => {
    await script('pre-create', `#!/bin/sh\n${command}\n`)
    expect(await create()).toEqual({})
  })

  it('that does not exist is passed over, at every call anew', async () => {
    expect(await create()).toEqual({})
    await script('pre-create', `#!/bin/sh\necho '{"RejectUpload": true}'\n`)
    expect(await create()).toEqual({ reject: true })
  })

  it('that cannot be looked for is a failure: what decides must not be passed over', async () => {
    await expect(hooks({ directory: join(directory, 'gone') }).preCreate?.(wanted, request)).rejects.toMatchObject(
      failing(`the hook pre-create cannot be run: there is no folder ${join(directory, 'gone')}`),
    )
    await writeFile(join(directory, 'file'), '')
    await expect(hooks({ directory: join(directory, 'file') }).preCreate?.(wanted, request)).rejects.toMatchObject(
      failing('the hook pre-create cannot be run: ENOTDIR'),
    )
    await symlink(join(directory, 'target'), join(directory, 'pre-create'))
    await expect(create()).rejects.toMatchObject(failing('cannot be run'))
  })

  it('is run only at the moments that were asked for', () => {
    expect(Object.keys(hooks({ moments: ['preCreate', 'postFinish'] })).sort()).toEqual(['postFinish', 'preCreate'])
  })

  it('that leaves a child behind which keeps the output open keeps nobody waiting', async () => {
    await script('pre-create', '#!/bin/sh\nsleep 60 &\necho $! > child\necho \'{"RejectUpload": true}\'\n')
    expect(await create()).toEqual({ reject: true })
    process.kill(Number(await readFile(join(directory, 'child'), 'utf8')))
  })

  it('that gets a large message and prints a large answer comes to its end', async () => {
    await script('pre-create', '#!/bin/sh\ncat > message\nprintf \'{"x": "%0900000d"}\' 0\n')
    const metadata = new Map([['large', 'x'.repeat(1_000_000)]])
    expect(await hooks().preCreate?.({ ...wanted, metadata }, request)).toEqual({})
    expect((await readFile(join(directory, 'message'))).length).toBeGreaterThan(1_000_000)
  })

  it('says with what exit code it failed, and what it printed', async () => {
    await script('pre-create', '#!/bin/sh\necho "no room\nleft"\nexit 3\n')
    await expect(create()).rejects.toMatchObject(
      failing('the hook pre-create ended with the exit code 3; it printed "no room left"'),
    )
  })

  it('that crashes is a failure', async () => {
    await script('pre-create', '#!/bin/sh\nkill -SEGV $$\n')
    await expect(create()).rejects.toMatchObject(failing('the hook pre-create was ended by SIGSEGV'))
  })

  it('that prints what the client sent in confidence does not bring it into the log', async () => {
    const header = (name: string) => (name === 'authorization' ? 'Bearer a.token.of.somebody' : null)
    const confident = { ...request, uri: '/files/?access_token=s3cr3t-t0k3n', header }
    const padding = 'x'.repeat(190)
    for (const end of ['exit 1', 'exit 0']) {
      await script('pre-create', `#!/bin/sh\necho a.token.of.somebody s3cr3t-t0k3n ${padding}\n${end}\n`)
      const failed = hooks().preCreate?.(wanted, confident)
      await expect(failed).rejects.toMatchObject(failing(/"REDACTED REDACTED x+\.\.\."/))
      await expect(failed).rejects.not.toMatchObject(failing('s3cr'))
    }
  })

  it('that prints no JSON is a failure', async () => {
    await script('pre-create', '#!/bin/sh\necho hello\n')
    await expect(create()).rejects.toMatchObject(failing('what is not JSON: "hello"'))
  })

  it('that prints 10,000 lines is a failure', async () => {
    await script('pre-create', '#!/bin/sh\nseq 10000\n')
    await expect(create()).rejects.toMatchObject(failing('what is not JSON'))
  })

  it('that prints without end is killed', async () => {
    await script('pre-create', '#!/bin/sh\necho $$ > pid\nexec yes\n')
    await expect(create({ maxOutput: 10_000 })).rejects.toMatchObject(failing('printed more than 10000 bytes'))
    const pid = Number(await readFile(join(directory, 'pid'), 'utf8'))
    expect(() => process.kill(pid, 0)).toThrow()
  })

  it('that takes too long is killed, with what it started', async () => {
    await script('pre-create', '#!/bin/sh\nsleep 60 &\necho $! > child\nwait\n')
    await expect(create({ timeout: 300 })).rejects.toMatchObject(failing('took longer than 300 ms and was killed'))
    const child = Number(await readFile(join(directory, 'child'), 'utf8'))
    await vi.waitFor(() => expect(() => process.kill(child, 0)).toThrow(), 10_000)
  })

  it.each([
    ['is not executable', '#!/bin/sh\n', 0o644],
    ['has an interpreter that is not there', '#!/nowhere/sh\n', 0o755],
  ])('that %s is a failure that says so', async (_, text, mode) => {
    await script('pre-create', text, mode)
    await expect(create()).rejects.toMatchObject(failing('cannot be run'))
  })

  it('that is still being written is a failure that says so', async () => {
    await copyFile('/bin/true', join(directory, 'pre-create'))
    const writing = await open(join(directory, 'pre-create'), 'r+')
    await expect(create()).rejects.toMatchObject(failing('cannot be run: spawn ETXTBSY'))
    await writing.close()
    expect(await create()).toEqual({})
  })

  it('that is a folder is a failure', async () => {
    await mkdir(join(directory, 'pre-create'))
    await expect(create()).rejects.toMatchObject(failing('cannot be run'))
  })

  it('leaves no file behind', async () => {
    const files = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('tusker-hook-'))
    const before = await files()
    await script('pre-create', '#!/bin/sh\nexit 1\n')
    await expect(create()).rejects.toThrow()
    expect(await files()).toEqual(before)
  })
})
