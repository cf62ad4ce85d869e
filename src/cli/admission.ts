import type { Socket } from 'node:net'
import type { Log } from '../core/log.ts'
import { addressGroup } from '../engine/address.ts'

export interface AdmissionLimits {
  /** Connections at once; 0 for no limit. */
  readonly maxConnections: number
  /** Connections of one address at once; 0 for no limit. */
  readonly maxConnectionsPerAddress: number
}

/** The connections that are open, whatever is spoken on them, and who may open more. */
export interface Admission {
  /** Whether a new connection may stay; one that may not is closed. */
  admit(socket: Socket): boolean
  /** Connections that are open now. */
  count(): number
  /** Cuts all that are left. */
  cutAll(): void
}

/** Milliseconds between two log lines on refused connections: a flood of clients must not become a flood of lines. */
const QUIET = 10_000

export function createAdmission(limits: AdmissionLimits, log: Log): Admission {
  const { maxConnections, maxConnectionsPerAddress } = limits
  const open = new Set<Socket>()
  const byAddress = new Map<string, number>()
  let refused = 0
  let lastLine = Number.NEGATIVE_INFINITY

  function refuse(socket: Socket, flag: string): false {
    socket.on('error', () => undefined)
    socket.destroy()
    refused += 1
    const now = performance.now()
    if (now - lastLine < QUIET) return false
    lastLine = now
    log.warn('server.connections_refused', { refused, open: open.size, hint: `raise -${flag} if they are welcome` })
    refused = 0
    return false
  }

  return {
    admit(socket) {
      // A Unix socket has no addresses
      const address = socket.remoteAddress === undefined ? null : addressGroup(socket.remoteAddress)
      const ofAddress = address === null ? 0 : (byAddress.get(address) ?? 0)
      if (maxConnections > 0 && open.size >= maxConnections) return refuse(socket, 'max-connections')
      if (maxConnectionsPerAddress > 0 && ofAddress >= maxConnectionsPerAddress) {
        return refuse(socket, 'max-connections-per-address')
      }
      open.add(socket)
      if (address !== null) byAddress.set(address, ofAddress + 1)
      socket.once('close', () => {
        open.delete(socket)
        if (address === null) return
        const left = (byAddress.get(address) ?? 1) - 1
        if (left > 0) byAddress.set(address, left)
        else byAddress.delete(address)
      })
      return true
    },
    count: () => open.size,
    cutAll() {
      for (const socket of open) socket.destroy()
    },
  }
}
