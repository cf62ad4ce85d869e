// @ts-check
// What Linux tells of a process and of those it started.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Ticks of /proc/<pid>/stat in a second: USER_HZ, the same on every architecture that Node runs on. */
const TICKS = 100

/**
 * Seconds of user and system time of a process, of those it started, and of those among them that ended.
 * @param {number} pid
 */
export function cpuOf(pid) {
  return tree(pid).reduce((sum, one) => sum + cpuOfOne(one), 0)
}

/**
 * Highest resident memory since the start or since `forgetPeak`, in bytes; summed over the process and those it started.
 * @param {number} pid
 */
export function peakOf(pid) {
  return tree(pid).reduce((sum, one) => sum + statusOf(one, 'VmHWM'), 0)
}

/**
 * Lets the kernel count the peak anew.
 * @param {number} pid
 */
export function forgetPeak(pid) {
  for (const one of tree(pid)) writeFileSync(`/proc/${one}/clear_refs`, '5')
}

/** @param {number} pid */
function cpuOfOne(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program stands in parentheses and may hold anything, so count from the last of them
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return ticks / TICKS
}

/**
 * @param {number} pid
 * @param {string} key
 */
function statusOf(pid, key) {
  const line = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}

/**
 * @param {number} pid
 * @returns {number[]}
 */
function tree(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => childrenOf(`/proc/${pid}/task/${task}/children`))
  return [pid, ...children.flatMap(tree)]
}

/**
 * @param {string} file
 * @returns {number[]}
 */
function childrenOf(file) {
  try {
    return readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number)
  } catch {
    // A thread that ended in between
    return []
  }
}
