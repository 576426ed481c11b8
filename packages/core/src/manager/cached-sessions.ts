import { gone, open } from '../backend/store-backend.ts'
import type { SessionCookie } from '../cookie/session-cookie.ts'
import { createSplitCookie } from '../cookie/split-cookie.ts'
import { createSealer } from '../crypto/sealer.ts'
import type { SessionId } from '../crypto/token.ts'
import { StepUpError } from '../session/authentication.ts'
import { deadlineOf } from '../session/lifetime.ts'
import { decodeSealed, encodeSealed } from '../session/sealed-record.ts'
import type { LiveRecord, SessionState } from '../session/state.ts'
import { run, wait, type Steps } from '../steps.ts'
import { recentEnds } from '../store/recent-ends.ts'
import { isAtomic } from '../store/store.ts'
import type { Backend, Kept, Recalled, Surroundings } from './backend.ts'
import { changesId, mayRenew, type Plan } from './plan.ts'
import type { SealedCarrier } from './read-sealed.ts'
import { snapshotCookie } from './snapshot-cookie.ts'
import type { StoredParts, StoredSessions } from './stored-sessions.ts'
import type { CookieKind, Visit } from './visit.ts'

/** What has to be known again at commit. */
export interface SnapshotTrace {
  /** The id in the token: what a snapshot beside it has to be of. */
  readonly id: SessionId | null
  /** Whether a snapshot has answered for the store. */
  readonly served: boolean
  /** When the store was asked at the earliest, in milliseconds since the epoch. */
  readonly askedAt: number
  /** Whether the request had a snapshot, of whatever worth, and its further parts. */
  readonly isPresent: boolean
  readonly parts: readonly number[]
  /** How often sessions had been ended from outside. */
  readonly ends: number
}

/** A plan, and for whom. */
interface Errand {
  readonly plan: Plan
  readonly state: SessionState
}

/**
 * The most cookies that a snapshot takes; a session that is larger has none. Servers refuse requests whose header is
 * above 16 KiB in all, and Chromium keeps 10 KiB of partitioned cookies: what only saves time must not come near.
 */
const maxParts = 2

/**
 * Sessions in a store, with a sealed snapshot in a second cookie: while it is fresh, reads ask no store. A snapshot is
 * bound to the id in the token, so it is worthless beside another one, and a change of id leaves it behind.
 */
export function createCachedSessions(stored: StoredSessions, parts: StoredParts): Backend<SnapshotTrace> {
  const { guard, now, policy, records } = parts
  const { cacheFor, cookies, keyring, lifetime, store } = policy
  const carrierOf = (session: SessionCookie): SealedCarrier => {
    const cookie = snapshotCookie(session)
    const context = { purpose: 'session-snapshot', audience: '', cookieName: cookie.name } as const
    return { cookie: createSplitCookie(cookie, maxParts), sealer: createSealer(keyring, context) }
  }
  const carriers = { secure: carrierOf(cookies.secure), loopback: carrierOf(cookies.loopback) }

  /** The record of this id in one of the values, if it still counts. */
  function* unsealed(values: readonly string[], id: SessionId, kind: CookieKind): Steps<LiveRecord | null> {
    const at = now()
    for (const value of values) {
      const opened = yield* wait(carriers[kind].sealer.open(value))
      const snapshot = typeof opened === 'string' ? null : decodeSealed(opened.content)
      if (snapshot?.id !== id) continue
      const { boundAt: askedAt, record, until, version } = snapshot
      // What was sealed under a longer span, or by a clock that runs ahead, does not serve for longer.
      const end = Math.min(until, askedAt + cacheFor, deadlineOf(record, lifetime))
      const data = askedAt <= at && at < end ? yield* wait(guard.read(record.values)) : null
      if (data !== null && !data.migrated) {
        return { id, version, record: { ...record, values: data.values }, migrated: false }
      }
    }
    return null
  }

  /** The fields that set a snapshot, or that remove the former one when there can be none. */
  function* fieldsOf(
    live: LiveRecord,
    askedAt: number,
    kind: CookieKind,
    trace: SnapshotTrace,
  ): Steps<readonly string[]> {
    const { cookie, sealer } = carriers[kind]
    const life = { from: now(), until: askedAt + cacheFor }
    if (life.until <= life.from) return removal(kind, trace)
    const token = yield* wait(sealer.seal(encodeSealed({ ...live, boundAt: askedAt, until: life.until })))
    return cookie.set(token, life, true, trace.parts).fields ?? removal(kind, trace)
  }

  function removal(kind: CookieKind, { isPresent, parts }: SnapshotTrace): readonly string[] {
    return isPresent ? carriers[kind].cookie.remove(parts) : []
  }

  /** Whether the session has ended since it was loaded, where this process has had a part in ending any. */
  function* hasEnded({ id }: LiveRecord, trace: SnapshotTrace): Steps<boolean> {
    return recentEnds() !== trace.ends && (yield* records.follow(id)) === null
  }

  /**
   * Whether a plan needs more than a snapshot: a new id must not go to the holder of one that has been replaced, and a
   * write without a condition would bring back what has ended meanwhile.
   */
  function isDoubtful(plan: Plan, { change, ended }: SessionState): boolean {
    // Whoever logs in has shown more than an id.
    if (plan === 'rotate' || (plan === 'login' && change?.kind !== 'login')) return true
    return !isAtomic(store) && (plan !== 'nothing' || ended !== null)
  }

  /** What becomes of a plan that rests on a snapshot, once the store has been asked; null when the session has gone. */
  function* reconsider(plan: Plan, state: SessionState): Steps<Errand | null> {
    const { change, ended, origin, working } = state
    const found = yield* wait(open(parts, (origin ?? ended)!.id))
    const { live } = found
    if (origin === null) return { plan, state: { ...state, ended: live } }
    if (live === null) {
      // A login holds although its session has ended meanwhile, but brings nothing over from it.
      return change?.kind === 'login' ? { plan: 'create', state: { ...state, origin: null } } : null
    }
    const { viaGrace } = found
    const there = { ...state, origin: live, viaGrace }
    if (viaGrace && (change?.kind === 'act-as' || change?.kind === 'stop-acting')) {
      throw new StepUpError('stale', 'The id of this session has been replaced; send the request again.')
    }
    if (!viaGrace || plan !== 'rotate') return { plan, state: there }
    return { plan: working.changedKeys().length > 0 ? 'update' : 'nothing', state: there }
  }

  function* recall(header: string, kind: CookieKind, fresh: boolean): Steps<Recalled<SnapshotTrace>> {
    const credential = yield* wait(stored.identify(header, kind))
    const { isPresent, parts, values } = carriers[kind].cookie.read(header)
    const { id } = credential
    const before = { id, askedAt: now(), isPresent, parts, ends: recentEnds() }
    const live = id === null || fresh ? null : yield* unsealed(values, id, kind)
    const trace = { ...before, served: live !== null }
    if (id === null || live === null) return { ...(yield* wait(stored.find(credential))), trace }
    return { live, reason: null, id, viaGrace: false, keyIndex: credential.keyIndex, cached: true, trace }
  }

  function* keep(plan: Plan, visit: Visit<SnapshotTrace>, surroundings: Surroundings): Steps<Kept> {
    const { oldKey, request, state } = visit
    const { kind } = surroundings
    const trace = visit.trace ?? nowhere
    const before = state.origin
    const dropped = kind === null ? [] : removal(kind, trace)
    const end = (id: SessionId): Kept => ({ live: gone(parts, id), setCookies: dropped })
    const askedAt = now()
    const looks = plan === 'nothing' || plan === 'touch'
    if (before !== null && looks && (yield* hasEnded(before, trace))) return end(before.id)
    // What was reloaded comes from the store.
    const served = trace.served && request !== null
    const errand = served && isDoubtful(plan, state) ? yield* reconsider(plan, state) : { plan, state }
    if (errand === null) return end(before!.id)
    const moved = changesId(errand.plan)
    const changed = moved || state.working.changedKeys().length > 0
    // A token that an older secret signed is renewed at the next look into the store, which knows whether its id holds.
    const about = { ...visit, ...errand, trace: null, oldKey: oldKey && !served }
    const kept = yield* wait(stored.keep(errand.plan, about, surroundings))
    const { live } = kept
    const also = (fields: readonly string[]): Kept => ({ live, setCookies: [...kept.setCookies, ...fields] })
    if (kind === null) return kept
    // The client has an id that has been given up: no snapshot could stand beside it.
    if (live === null || !(moved || live.id === trace.id)) return state.accessed ? also(dropped) : kept
    // Where nothing was changed, a cookie that nobody asked for must not keep a response out of caches.
    const due = !served && state.accessed && request !== null && mayRenew(request)
    if (!changed && !due) return kept
    return also(yield* fieldsOf(live, live === before ? trace.askedAt : askedAt, kind, trace))
  }

  return {
    needsCookie: changesId,
    recall: (header, kind, fresh) => run(recall(header, kind, fresh)),
    recallForeign: async (foreign) => ({ ...(await stored.recallForeign(foreign)), trace: nowhere }),
    keep: (plan, visit, surroundings) => run(keep(plan, visit, surroundings)),
    reload: (live) => stored.reload(live, null),
  }
}

const nowhere: SnapshotTrace = { id: null, served: false, askedAt: 0, isPresent: false, parts: [], ends: 0 }
