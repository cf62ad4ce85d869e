// @ts-check
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Ceph's RADOS Gateway on one monitor and one OSD.
 * @param {import('./house.js').House} house
 */
export async function startCeph(house) {
  const { folder, address } = house
  const port = 7480
  const config = join(folder, 'ceph.conf')
  const fsid = randomUUID()
  for (const name of ['mon', 'osd/0', 'rgw', 'run']) await mkdir(join(folder, name), { recursive: true })
  await writeFile(config, configuration(folder, address, port, fsid))
  const common = ['-c', config]

  const map = join(folder, 'monmap')
  await house.run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', `[v1:${address}:6789]`, map])
  await house.run('ceph-mon', [...common, '--mkfs', '-i', 'a', '--monmap', map])
  house.daemon('mon', 'ceph-mon', [...common, '-f', '-i', 'a'])
  const osd = randomUUID()
  await house.run('ceph', [...common, 'osd', 'new', osd, '0'])
  await house.run('ceph', [...common, 'osd', 'crush', 'add', 'osd.0', '1.0', 'host=one', 'root=default'])
  await house.run('ceph-osd', [...common, '-i', '0', '--mkfs', '--osd-uuid', osd])
  house.daemon('osd', 'ceph-osd', [...common, '-f', '-i', '0'])
  const [accessKeyId, secretAccessKey] = ['tusker', 'tusker-secret']
  const keys = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`]
  await house.run('radosgw-admin', [...common, 'user', 'create', '--uid=tusker', '--display-name=tusker', ...keys])
  house.daemon('rgw', 'radosgw', [...common, '-f', '-n', 'client.rgw.a'])
  const endpoint = `http://${address}:${port}`
  await house.answers(endpoint)
  return { endpoint, accessKeyId, secretAccessKey }
}

/** @param {string} folder @param {string} address @param {number} port @param {string} fsid */
function configuration(folder, address, port, fsid) {
  return `[global]
fsid = ${fsid}
mon_host = [v1:${address}:6789]
mon_initial_members = a
public_addr = ${address}
cluster_addr = ${address}
ms_bind_msgr2 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none

# one copy of everything, on one OSD; no manager, whose warnings do not matter here
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
# an OSD that tells of itself before it has heard which cluster this is would be refused, and end
osd_crush_update_on_start = false
osd_class_update_on_start = false
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1

# a new pool, and so the first bucket and the first object, would wait seconds for rounds of a monitor that is alone
paxos_propose_interval = 0.02
paxos_min_wait = 0.01

mon_data = ${folder}/mon/a
osd_data = ${folder}/osd/0
osd_objectstore = bluestore
bluestore_block_size = 8589934592
run_dir = ${folder}/run
admin_socket = ${folder}/run/$name.asok
pid_file = ${folder}/run/$name.pid
log_file = ${folder}/log/$name.log
crash_dir = ${folder}/log

[client.rgw.a]
# without tcp_nodelay every small answer takes 40 ms
rgw_frontends = beast endpoint=${address}:${port} tcp_nodelay=1
rgw_data = ${folder}/rgw
# what was deleted or replaced makes room soon, not after two hours
rgw_gc_obj_min_wait = 15
rgw_gc_processor_period = 5
rgw_gc_processor_max_time = 5
rgw_gc_max_concurrent_io = 20
rgw_gc_max_trim_chunk = 64
`
}
