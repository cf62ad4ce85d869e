import { readdirSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { Family } from './text.ts'

/** Numbers of the process, under the names that clients of Prometheus give them. What the system does not tell is left out. */
export function processFamilies(): readonly Family[] {
  const started = Date.now() / 1000 - process.uptime()
  const counter = (name: string, help: string, ask: () => number): Family => ({
    ...{ name, help, type: 'counter' },
    samples: () => [{ value: ask() }],
  })
  const gauge = (name: string, help: string, ask: () => number | null): Family => ({
    ...{ name, help, type: 'gauge' },
    samples() {
      const value = ask()
      return value === null ? [] : [{ value }]
    },
  })
  return [
    counter('process_cpu_seconds_total', 'User and system CPU time of the process.', () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    }),
    gauge('process_resident_memory_bytes', 'Memory of the process that is resident.', () => process.memoryUsage.rss()),
    gauge('nodejs_heap_size_used_bytes', 'Memory that V8 uses for objects.', () => process.memoryUsage().heapUsed),
    gauge('process_start_time_seconds', 'When the process began, in seconds since 1970.', () => started),
    gauge('process_open_fds', 'File descriptors that are open (Linux).', openFiles),
    gauge('process_max_fds', 'File descriptors that may be open (Linux).', fileLimit),
    counter(
      'tusker_event_loop_active_seconds_total',
      'Time that the event loop was at work; its rate is the share of one core that is in use.',
      () => performance.eventLoopUtilization().active / 1000,
    ),
  ]
}

function openFiles(): number | null {
  try {
    // The folder is open while it is read.
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return null
  }
}

function fileLimit(): number | null {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
    return line === null ? null : Number(line[1])
  } catch {
    return null
  }
}
