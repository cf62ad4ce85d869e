import { existsSync } from 'node:fs'

/** Programs of Debian that these tests drive: what must be there, and the package that brings it. */
const TOOLS = {
  chromium: { program: '/usr/bin/chromium', needs: '/usr/bin/chromium', package: 'chromium' },
  nginx: { program: '/usr/sbin/nginx', needs: '/usr/sbin/nginx', package: 'nginx' },
  caddy: { program: '/usr/bin/caddy', needs: '/usr/bin/caddy', package: 'caddy' },
  openssl: { program: '/usr/bin/openssl', needs: '/usr/bin/openssl', package: 'openssl' },
  promtool: { program: '/usr/bin/promtool', needs: '/usr/bin/promtool', package: 'prometheus' },
  curl: { program: '/usr/bin/curl', needs: '/usr/bin/curl', package: 'curl' },
  // By its full path: another python3 that comes first in PATH does not see Debian's packages.
  tuspy: { program: '/usr/bin/python3', needs: '/usr/lib/python3/dist-packages/tusclient', package: 'python3-tuspy' },
} as const

/** The path of a program. Throws, with the package to install, if it is missing: these tests are never skipped. */
export function tool(name: keyof typeof TOOLS): string {
  const { program, needs, package: wanted } = TOOLS[name]
  for (const path of [program, needs]) {
    if (!existsSync(path)) {
      throw new Error(`${path} is missing: apt-get install ${wanted} (or run scripts/install-test-tools.sh as root)`)
    }
  }
  return program
}
