import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { codeOf } from './calls.ts'

/**
 * Who holds a lock. `token` alone decides; the rest lets others on the same machine see at once that the process is
 * gone, and tells an operator where to look. Null: this system cannot say, so only silence shows that it is gone.
 */
export interface Identity {
  readonly token: string
  readonly host: string
  readonly pid: number
  /** When the process started, in clock ticks since boot: a pid is used again, and in a container it is always 1. */
  readonly start: string | null
  /** Within which pids mean the same: `pid:[4026531836]`. */
  readonly namespace: string | null
  /** Of this run of this machine's kernel. */
  readonly boot: string | null
}

/** Who this process is, under a token. */
export function identify(token: string): Identity {
  const unknown = { token, host: hostname(), pid: process.pid, start: null, namespace: null, boot: null }
  try {
    const self = readFileSync('/proc/self/stat', 'utf8')
    // A container may see the /proc of another pid namespace. Then pids read there are not those in `process.pid`.
    if (Number.parseInt(self, 10) !== process.pid) return unknown
    return {
      ...unknown,
      start: parseStat(self).start,
      namespace: readlinkSync('/proc/self/ns/pid'),
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    }
  } catch {
    return unknown // No /proc: not Linux. Nothing is lost but speed.
  }
}

/** The content of a lock file. The closing brace comes last, so that no part of it parses. */
export function printIdentity(identity: Identity): string {
  return `${JSON.stringify(identity)}\n`
}

/** Null for anything but a whole identity: a torn, empty or foreign file. */
export function parseIdentity(text: string): Identity | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  return isIdentity(value) ? value : null
}

/**
 * Whether `who` is a process that certainly does not run any more. False if that cannot be known: another machine,
 * another container, another system than Linux.
 */
export function isProvablyGone(who: Identity, here: Identity): boolean {
  if (who.boot === null || who.boot !== here.boot) return false
  if (who.namespace === null || who.namespace !== here.namespace || who.start === null) return false
  const stat = readStat(who.pid)
  if (stat !== null) return stat.start !== who.start || stat.state === 'Z' || stat.state === 'X'
  // /proc may hide the processes of other users (hidepid); the kernel's answer to a signal tells them from none.
  try {
    process.kill(who.pid, 0)
    return false
  } catch (error) {
    return codeOf(error) === 'ESRCH'
  }
}

function readStat(pid: number): Stat | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return null
  }
}

interface Stat {
  readonly state: string | null
  readonly start: string | null
}

/** proc(5): field 2 is the name in parentheses and may hold anything, so count from its end: 3 is the state, 22 the start. */
function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? null, start: fields[19] ?? null }
}

function isIdentity(value: unknown): value is Identity {
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map<string, unknown>(Object.entries(value))
  const token = fields.get('token')
  const pid = fields.get('pid')
  return (
    typeof token === 'string' &&
    /^[0-9a-f]{16}$/.test(token) && // It becomes part of a path.
    typeof pid === 'number' &&
    Number.isSafeInteger(pid) &&
    pid > 0 && // To the kernel, others mean groups of processes.
    typeof fields.get('host') === 'string' &&
    ['start', 'namespace', 'boot'].every((name) => isText(fields.get(name)))
  )
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}
