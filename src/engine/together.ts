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
import { isRejection } from './consult.ts'

/** Events whose takers are remembered, beyond which the oldest is forgotten: at the worst somebody is told twice. */
const REMEMBERED = 10_000

/**
 * Several sets of hooks as one. Those that decide are asked in their order until one says no, and see what the ones before have
 * changed; those that are told are told all at once, and of a delivery that failed only those that did not take it.
 */
export function together(hooks: Hooks | readonly Hooks[]): Hooks {
  if (!isList(hooks)) return hooks
  const [first, ...others] = hooks
  if (first === undefined || others.length === 0) return first ?? {}
  const having = (moment: Moment) => hooks.filter((one) => one[moment] !== undefined)
  const made: Hooks = {
    preCreate: (upload, request) => askCreate(having('preCreate'), upload, request),
    postCreate: (upload, request) => all(having('postCreate'), (one) => one.postCreate?.(upload, request)),
    postReceive: (upload, request) => firstNo(having('postReceive'), (one) => one.postReceive?.(upload, request)),
    preFinish: (upload, request) => ask(having('preFinish'), (one) => one.preFinish?.(upload, request)),
    postFinish: told(having('postFinish'), 'postFinish'),
    preTerminate: (upload, request) => ask(having('preTerminate'), (one) => one.preTerminate?.(upload, request)),
    postTerminate: told(having('postTerminate'), 'postTerminate'),
  }
  // What nobody has must not look as if somebody did: the engine does less where there is no hook.
  return Object.fromEntries(
    Object.entries(made).filter(([moment]) =>
      hooks.some((one) => moment in one && Reflect.get(one, moment) !== undefined),
    ),
  )
}

function isList(hooks: Hooks | readonly Hooks[]): hooks is readonly Hooks[] {
  return Array.isArray(hooks)
}

async function askCreate(
  hooks: readonly Hooks[],
  upload: NewUpload,
  request: RequestInfo,
): Promise<Rejection | CreateChanges> {
  let changes: CreateChanges = {}
  for (const one of hooks) {
    const answer = await one.preCreate?.(changed(upload, changes), request)
    if (isRejection(answer)) return answer
    if (!answer) continue
    const reply = merged(changes.reply, answer.reply)
    changes = { ...changes, ...answer, ...(reply && { reply }) }
  }
  return changes
}

/** The upload as the next hook should see it. An id is looked at by the engine; until then it is what it was. */
function changed(upload: NewUpload, { metadata, storage, maxSize, expiresAt, owner }: CreateChanges): NewUpload {
  return {
    ...upload,
    ...(metadata !== undefined && { metadata }),
    ...(storage !== undefined && { storage }),
    ...(maxSize !== undefined && { maxSize }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(typeof owner === 'string' && { owner }),
  }
}

type Answer = Rejection | { readonly reply: ReplyPatch }

async function ask(hooks: readonly Hooks[], call: (one: Hooks) => Maybe<Answer>): Promise<Answer | null> {
  let reply: ReplyPatch | undefined
  for (const one of hooks) {
    const answer = await call(one)
    if (isRejection(answer)) return answer
    reply = merged(reply, answer?.reply)
  }
  return reply === undefined ? null : { reply }
}

async function firstNo(hooks: readonly Hooks[], call: (one: Hooks) => Maybe<Rejection>): Promise<Rejection | null> {
  for (const one of hooks) {
    const answer = await call(one)
    if (isRejection(answer)) return answer
  }
  return null
}

async function all(hooks: readonly Hooks[], call: (one: Hooks) => Maybe<never>): Promise<undefined> {
  const results = await Promise.allSettled(hooks.map(async (one) => call(one)))
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  if (failures.length > 0)
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'several hooks failed')
}

/** Tells those who did not take the event in an earlier delivery. */
function told(hooks: readonly Hooks[], moment: 'postFinish' | 'postTerminate') {
  const taken = new Map<string, Set<Hooks>>()
  return async (upload: Upload, request: RequestInfo, occasion: Occasion): Promise<undefined> => {
    const before = taken.get(occasion.id) ?? new Set()
    const left = hooks.filter((one) => !before.has(one))
    try {
      await all(left, async (one) => {
        await one[moment]?.(upload, request, occasion)
        before.add(one)
      })
      taken.delete(occasion.id)
    } catch (error) {
      taken.set(occasion.id, before)
      const [oldest] = taken.keys()
      if (taken.size > REMEMBERED && oldest !== undefined) taken.delete(oldest)
      throw error
    }
  }
}

function merged(one: ReplyPatch | undefined, other: ReplyPatch | undefined): ReplyPatch | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return { ...one, ...other, headers: { ...one.headers, ...other.headers } }
}
