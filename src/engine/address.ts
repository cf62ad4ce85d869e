import { isIPv6 } from 'node:net'

/**
 * Who counts as one client for a limit: an IPv4 address, or the network of 64 bits that one user of IPv6 has to
 * himself (RFC 6177). An IPv4 address in the clothes of IPv6 is the IPv4 address.
 */
export function addressGroup(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  // `::` stands for as many zeros as are missing; an embedded IPv4 address takes the room of two groups
  const width = behind.length + (behind.at(-1)?.includes('.') ? 1 : 0)
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - width)
  const whole = [...groups, ...Array<string>(zeros).fill('0'), ...behind]
  return `${whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
