import { join } from 'node:path'
import type { Door } from './doors.ts'
import { wireEntrance } from './node-door.ts'
import { serveWith } from './served.ts'

/** The server of the command line on a Unix socket; one connection for each request. */
export const unixDoor: Door = {
  name: 'Unix socket',
  trailers: true,
  network: true,
  http1: true,
  async open(uploads) {
    const running = await serveWith(uploads, (folder) => ['-unix-sock', join(folder, 'sock')])
    return wireEntrance(join(running.folder, 'sock'), 'localhost', () => running.close())
  },
}
