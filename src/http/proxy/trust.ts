import { BlockList, isIP } from 'node:net'

/** Tells which addresses are those of proxies that may be believed. */
export interface Trust {
  address(address: string): boolean
  /** A peer whose address is not known. */
  unknown(): boolean
  /** A peer on a Unix socket: somebody on this machine. */
  unixSocket(): boolean
}

type Network = readonly [address: string, bits: number]

/** Words for networks. `private` is RFC 1918, RFC 4193, and what is on the same link (RFC 3927, RFC 4291). */
const WORDS: Readonly<Record<string, readonly Network[]>> = {
  loopback: [
    ['127.0.0.0', 8],
    ['::1', 128],
  ],
  private: [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['169.254.0.0', 16],
    ['fc00::', 7],
    ['fe80::', 10],
  ],
  any: [
    ['0.0.0.0', 0],
    ['::', 0],
  ],
}

/** @throws TypeError if one of `names` is neither an address, nor a network, nor one of the words. */
export function createTrust(names: readonly string[]): Trust {
  const list = new BlockList()
  for (const name of names) {
    for (const [address, bits] of networksOf(name)) list.addSubnet(address, bits, familyOf(address))
  }
  const address = (text: string): boolean => {
    // The scope of a link-local address (fe80::1%eth0) is no part of it.
    const bare = text.replace(/%.*$/, '')
    // BlockList takes ::ffff:10.0.0.1 for 10.0.0.1.
    return isIP(bare) !== 0 && list.check(bare, familyOf(bare))
  }
  return {
    address,
    unknown: () => names.includes('any'),
    unixSocket: () => address('127.0.0.1'),
  }
}

function networksOf(name: string): readonly Network[] {
  const word = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined
  if (word !== undefined) return word
  const [, address = '', bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(name) ?? []
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  const length = bits === undefined ? most : Number(bits)
  if (most !== -1 && length <= most) return [[address, length]]
  throw new TypeError(
    `trustProxy: neither an address, nor a network such as 10.0.0.0/8, nor loopback, private or any: ${JSON.stringify(name)}`,
  )
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
