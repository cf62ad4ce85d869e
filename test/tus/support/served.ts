import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configure } from '../../../src/cli/configure.ts'
import { createPages } from '../../../src/cli/pages.ts'
import { type Served, serve } from '../../../src/cli/serve.ts'
import { transportOf } from '../../../src/cli/transport.ts'
import { silent } from '../../../src/core/log.ts'
import type { Uploads } from '../../../src/uploads.ts'

/** A server as the command line builds it. */
export interface Running {
  readonly served: Served
  /** A folder of its own, removed with it. */
  readonly folder: string
  close(): Promise<void>
}

/** Serves `uploads` as these flags say, which may depend on a folder. */
export async function serveWith(
  uploads: Uploads,
  flags: (folder: string) => readonly string[] | Promise<readonly string[]>,
): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'tusker-door-'))
  const settings = configure(['-host', '127.0.0.1', '-port', '0', ...(await flags(folder))], {}).settings
  const served = await serve(uploads, createPages(settings, uploads, null), transportOf(settings), silent)
  return {
    served,
    folder,
    async close() {
      await served.close(0)
      await rm(folder, { recursive: true, force: true })
    },
  }
}
