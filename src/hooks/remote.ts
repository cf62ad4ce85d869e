import type {
  CreateChanges,
  Hooks,
  Maybe,
  Moment,
  Occasion,
  Rejection,
  ReplyPatch,
  RequestInfo,
} from '../core/hooks.ts'
import type { NewUpload, Upload } from '../core/upload.ts'

/** What a hook in another program is asked or told. */
export interface HookCall {
  readonly moment: Moment
  /** At `preCreate` what the client wants, with an id that is not final. */
  readonly upload: NewUpload | Upload
  readonly request: RequestInfo
  readonly occasion: Occasion
}

/** What it answers. Everything is optional. */
export interface HookAnswer {
  /** For the response to the client. */
  readonly reply?: ReplyPatch
  /** Refuses the creation (`preCreate`) or the completion (`preFinish`). */
  readonly rejectUpload?: boolean
  /** `preTerminate`. */
  readonly rejectTermination?: boolean
  /** Ends the transfer and removes the upload (`postReceive`). */
  readonly stopUpload?: boolean
  /** `preCreate`. */
  readonly changes?: Omit<CreateChanges, 'reply'>
}

/** A way to a hook in another program. */
export interface Transport {
  /** Throws what went wrong, once it has tried often enough. */
  ask(call: HookCall): Promise<HookAnswer>
}

/** Hooks that are asked over a transport at the given moments, and at no others. */
export function remoteHooks(transport: Transport, moments: readonly Moment[]): Hooks {
  const decide = async (call: HookCall): Promise<HookAnswer> => transport.ask(call)
  const all: Required<Hooks> = {
    preCreate: async (upload, request): Promise<Rejection | CreateChanges> => {
      const { reply, rejectUpload, changes } = await decide(calling('preCreate', upload, request))
      return rejectUpload ? rejection(reply) : { ...changes, ...(reply && { reply }) }
    },
    postCreate: (upload, request) => told(decide(calling('postCreate', upload, request))),
    postReceive: async (upload, request) => {
      const { reply, stopUpload } = await decide(calling('postReceive', upload, request))
      return stopUpload ? rejection(reply) : null
    },
    preFinish: async (upload, request) => {
      const { reply, rejectUpload } = await decide(calling('preFinish', upload, request))
      return rejectUpload ? rejection(reply) : replying(reply)
    },
    postFinish: (upload, request, occasion) => told(decide({ moment: 'postFinish', upload, request, occasion })),
    preTerminate: async (upload, request) => {
      const { reply, rejectTermination } = await decide(calling('preTerminate', upload, request))
      return rejectTermination ? rejection(reply) : replying(reply)
    },
    postTerminate: (upload, request, occasion) => told(decide({ moment: 'postTerminate', upload, request, occasion })),
  }
  return Object.fromEntries(moments.map((moment) => [moment, all[moment]]))
}

/** A call that is made once. */
function calling(moment: Moment, upload: NewUpload | Upload, request: RequestInfo): HookCall {
  return { moment, upload, request, occasion: { id: crypto.randomUUID(), at: new Date(), attempt: 1 } }
}

async function told(answer: Promise<HookAnswer>): Promise<Awaited<Maybe<never>>> {
  await answer
}

function rejection(reply: ReplyPatch | undefined): Rejection {
  return { reject: true, ...(reply && { reply }) }
}

function replying(reply: ReplyPatch | undefined): { readonly reply: ReplyPatch } | null {
  return reply === undefined ? null : { reply }
}
