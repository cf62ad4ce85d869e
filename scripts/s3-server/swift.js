// @ts-check
import { mkdir, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'

const PORTS = { object: 6200, container: 6201, account: 6202, memcached: 11211, proxy: 8080 }

/**
 * OpenStack Swift with its s3api: an implementation of S3 that shares nothing with Ceph's.
 * @param {import('./house.js').House} house
 */
export async function startSwift(house) {
  const { folder, address } = house
  const etc = join(folder, 'etc')
  await mkdir(etc)
  await mkdir(join(folder, 'devices', 'one'), { recursive: true })
  const write = (/** @type {string} */ name, /** @type {string} */ text) => writeFile(join(etc, name), text)
  await write('swift.conf', CONSTRAINTS)
  await write('proxy.conf', proxy(folder, address))

  house.daemon('memcached', 'memcached', [
    '-u',
    userInfo().username,
    '-l',
    address,
    '-p',
    `${PORTS.memcached}`,
    '-U',
    '0',
  ])
  const kinds = /** @type {const} */ (['object', 'container', 'account'])
  for (const kind of kinds) await write(`${kind}.conf`, storage(folder, address, kind))
  await house.run('/usr/bin/python3', ['-c', RINGS, etc, address, ...kinds.map((kind) => `${kind}=${PORTS[kind]}`)])
  for (const kind of kinds) house.daemon(kind, `swift-${kind}-server`, [join(etc, `${kind}.conf`)])
  house.daemon('proxy', 'swift-proxy-server', [join(etc, 'proxy.conf')])
  const endpoint = `http://${address}:${PORTS.proxy}`
  // The proxy alone would answer, too, that it has nobody to ask
  const ports = kinds.map((kind) => PORTS[kind])
  await Promise.all(ports.map((port) => house.answers(`http://${address}:${port}/recon/version`)))
  await house.answers(`${endpoint}/info`)
  return { endpoint, accessKeyId: 'test:tester', secretAccessKey: 'testing' }
}

const CONSTRAINTS = `[swift-hash]
swift_hash_path_suffix = tusker
swift_hash_path_prefix = tusker
[storage-policy:0]
name = gold
default = yes
[swift-constraints]
max_file_size = 5368709122
`

/** What swift-ring-builder does, but in one process instead of nine. */
const RINGS = `
import sys
from swift.common.ring import RingBuilder
etc, address, *rings = sys.argv[1:]
for name, port in (ring.split('=') for ring in rings):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev(dict(region=1, zone=1, ip=address, port=int(port), device='one', weight=1))
    builder.rebalance()
    builder.get_ring().save(f'{etc}/{name}.ring.gz')
`

/** What all servers are told. No workers: then a server is one process. @param {string} folder @param {string} address */
const server = (folder, address) => `[DEFAULT]
bind_ip = ${address}
swift_dir = ${folder}/etc
workers = 0
user = ${userInfo().username}
log_level = WARNING
`

/** @param {string} folder @param {string} address @param {'object' | 'container' | 'account'} kind */
const storage = (folder, address, kind) => `${server(folder, address)}bind_port = ${PORTS[kind]}
devices = ${folder}/devices
mount_check = false
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`

/** @param {string} folder @param {string} address */
const proxy = (folder, address) => `${server(folder, address)}bind_port = ${PORTS.proxy}
[pipeline:main]
pipeline = catch_errors proxy-logging cache listing_formats s3api tempauth bulk slo dlo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:s3api]
use = egg:swift#s3api
allow_multipart_uploads = true
s3_acl = false
check_bucket_owner = false
location = us-east-1
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = ${address}:${PORTS.memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
`
