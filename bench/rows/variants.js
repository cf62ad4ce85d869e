// @ts-check

/**
 * The same server with more flags.
 * @param {import('../types.ts').Peer} peer
 * @param {readonly string[]} flags
 * @returns {import('../types.ts').Peer}
 */
export function withFlags(peer, flags) {
  return { ...peer, command: (...where) => [...peer.command(...where), ...flags] }
}
