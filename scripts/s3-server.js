// Starts a real S3 server on loopback for tests and for trying things out: `node scripts/s3-server.js ceph` (or `swift`).
// Prints how to reach it as environment variables, ready for the AWS SDK and its tools, and runs until SIGINT or SIGTERM;
// with --while-stdin also until its standard input ends, so that it never outlives the test run that started it.
// Needs Linux and Debian's packages (scripts/install-test-tools.sh), no root and no network. Keeps everything in a temporary
// folder, which is removed at the end.
import { startCeph } from './s3-server/ceph.js'
import { openHouse } from './s3-server/house.js'
import { startSwift } from './s3-server/swift.js'

const KINDS = { ceph: startCeph, swift: startSwift }

const [kind = '', ...rest] = process.argv.slice(2)
if (!Object.hasOwn(KINDS, kind) || rest.some((flag) => flag !== '--while-stdin')) {
  console.error(`usage: node scripts/s3-server.js ${Object.keys(KINDS).join('|')} [--while-stdin]`)
  process.exit(2)
}

const house = await openHouse(kind)
const asked = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, resolve)
  if (rest.length > 0) process.stdin.once('end', resolve).once('error', resolve).resume()
})
try {
  const made = await Promise.race([KINDS[kind](house), asked])
  if (made?.endpoint !== undefined) {
    const { endpoint, accessKeyId, secretAccessKey } = made
    const lines = { AWS_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1' }
    Object.assign(lines, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
    for (const [name, value] of Object.entries(lines)) console.log(`${name}=${value}`)
    console.error(`s3-server: ${kind} is up, its files are in ${house.folder}`)
    await Promise.race([asked, house.failed])
  }
} catch (error) {
  console.error(`s3-server: ${error.message}`)
  process.exitCode = 1
} finally {
  await house.close()
}
// An ended input, or one that never ends, must not keep it
process.exit()
