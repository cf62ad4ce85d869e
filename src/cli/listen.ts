import { lstat, rm } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { Complaint } from './complaint.ts'

/** Where a server listens. */
export type Endpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** `mode` is the permissions of the socket file; absent as the umask has it. */
  | { readonly kind: 'unix'; readonly path: string; readonly mode?: number }

/**
 * Starts to listen and says where: with port 0, the port that the system chose. A socket file that a dead server left
 * behind is replaced.
 * @param wanted an empty host is every interface; a path may be relative
 * @throws Complaint that says what to do
 */
export async function listen(server: Server, wanted: Endpoint): Promise<Endpoint> {
  if (wanted.kind === 'tcp') {
    const host = wanted.host.replace(/^\[(.*)\]$/, '$1')
    await bind(server, host === '' ? { port: wanted.port } : { host, port: wanted.port }).catch((error: unknown) => {
      throw tcpComplaint(error, wanted.host, wanted.port)
    })
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('a TCP server without an address')
    return { kind: 'tcp', host: bound.address, port: bound.port }
  }
  const { path, mode } = wanted
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) {
    throw new Complaint(`cannot listen on ${path}: a socket's path has at most ${LONGEST_SOCKET_PATH} bytes`, 1)
  }
  try {
    await withMode(mode, () => bind(server, { path })).catch(async (error: unknown) => {
      if (codeOf(error) !== 'EADDRINUSE') throw error
      await removeStale(path)
      await withMode(mode, () => bind(server, { path }))
    })
  } catch (error) {
    throw unixComplaint(error, path)
  }
  return wanted
}

/** sockaddr_un without its final zero. Node 20 cuts longer paths off and listens on what is left. */
const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103

type Binding = { readonly path: string } | { readonly host?: string; readonly port: number }

function bind(server: Server, where: Binding): Promise<void> {
  return new Promise((done, fail) => {
    const listening = () => {
      server.off('error', refused)
      done()
    }
    const refused = (error: Error) => {
      server.off('listening', listening)
      fail(error)
    }
    server.once('listening', listening).once('error', refused)
    server.listen(where)
  })
}

/**
 * Calls what makes a file before it returns. Permissions set afterwards would come too late for who connects in between, so
 * they are in force when the socket is bound, and for no longer than that.
 */
function withMode(mode: number | undefined, make: () => Promise<void>): Promise<void> {
  if (mode === undefined) return make()
  const before = process.umask(0o777 & ~mode)
  try {
    return make()
  } finally {
    process.umask(before)
  }
}

/** Removes a socket on which nobody listens; anything else in its place is somebody's. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path)
  if (!found.isSocket()) {
    throw new Complaint(`cannot listen on ${path}: a file is there that is no socket; choose another -unix-sock`, 1)
  }
  if (await answers(path)) {
    throw new Complaint(
      `cannot listen on ${path}: a running program listens there; stop it, or choose another -unix-sock`,
      1,
    )
  }
  await rm(path, { force: true })
}

/** Only a refusal proves that nobody listens: a busy server, or one of another user, gives other errors. */
function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const probe = connect(path)
    probe.once('error', (error) => done(codeOf(error) !== 'ECONNREFUSED'))
    probe.once('connect', () => {
      probe.destroy()
      done(true)
    })
  })
}

function tcpComplaint(error: unknown, host: string, port: number): Complaint {
  const where = `cannot listen on ${host.includes(':') ? `[${host}]` : host}:${port}`
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use; stop the program that uses it, or choose another -port',
    EACCES: 'this user may not use that port; choose a -port above 1023',
    EADDRNOTAVAIL: 'this machine has no such address; choose another -host',
    ENOTFOUND: 'no such host name; choose another -host',
    EAI_AGAIN: 'the host name could not be looked up; choose another -host',
  }
  return startComplaint(error, where, advice)
}

function unixComplaint(error: unknown, path: string): Complaint {
  const where = `cannot listen on ${path}`
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: 'a running program listens there; stop it, or choose another -unix-sock',
    // libuv says EACCES for ENOENT, too
    EACCES: 'the folder does not exist, or this user may not write to it; choose another -unix-sock',
  }
  return startComplaint(error, where, advice)
}

function startComplaint(error: unknown, where: string, advice: Readonly<Record<string, string>>): Complaint {
  if (error instanceof Complaint) return error
  const reason = advice[codeOf(error)] ?? (error instanceof Error ? error.message : String(error))
  return new Complaint(`${where}: ${reason}`, 1, { cause: error })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
