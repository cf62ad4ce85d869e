import { execFileSync } from 'node:child_process'

/** Debian packages of the programs that these suites call. */
const PACKAGES: Readonly<Record<string, string>> = {
  losetup: 'mount',
  mount: 'mount',
  umount: 'mount',
  'mkfs.ext4': 'e2fsprogs',
  fsfreeze: 'util-linux',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  prlimit: 'util-linux',
  strace: 'strace',
  cp: 'coreutils',
  mknod: 'coreutils',
  mkfifo: 'coreutils',
}

/** Runs a program and returns what it printed. Blocks: nothing else of this process happens meanwhile. */
export function run(program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', env: pathWithSystem(), stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (cause) {
    throw new Error(explain(program, args, cause), { cause })
  }
}

/** Throws, with what to do, if a program is missing or this is not root on Linux. */
export function requireTools(...programs: readonly string[]): void {
  if (process.platform !== 'linux') throw new Error('these tests need Linux: they mount file systems and share no PIDs')
  if (process.getuid?.() !== 0) throw new Error('these tests need root: they mount file systems; run them as root')
  for (const program of programs) run(program, '--version')
}

function explain(program: string, args: readonly string[], cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
    return `${program} is missing: apt-get install ${PACKAGES[program] ?? program}`
  const stderr = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : ''
  return `${program} ${args.join(' ')} failed: ${stderr || String(cause)}`
}

/** The folders of system programs are not in everybody's path. */
function pathWithSystem(): NodeJS.ProcessEnv {
  const { PATH = '' } = process.env
  return { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin` }
}
