import { guardStore } from '../backend/guarded-store.ts'
import { move } from '../backend/move.ts'
import { reload } from '../backend/reload.ts'
import { createSessionRecords } from '../backend/session-records.ts'
import { create, end, open, update, type StoreParts } from '../backend/store-backend.ts'
import type { SessionCookie } from '../cookie/session-cookie.ts'
import { createTokenSigner, type TokenSigner } from '../crypto/token-signer.ts'
import { deadlineOf } from '../session/lifetime.ts'
import type { LiveRecord, SessionState } from '../session/state.ts'
import { andThen, orNull, run, wait, type Maybe, type Steps } from '../steps.ts'
import type { Backend, Kept, Recalled, Surroundings } from './backend.ts'
import { readCredential, type Credential } from './credential.ts'
import { createLogins } from './logins.ts'
import { changesId, type Plan } from './plan.ts'
import type { StorePolicy } from './store-options.ts'
import type { CookieKind, Visit } from './visit.ts'

/** A cookie, and who signs it. */
export interface Carrier {
  readonly cookie: SessionCookie
  readonly signer: TokenSigner
}

/** The cookies of each kind of transport. */
export type Carriers = { readonly [kind in CookieKind]: Carrier }

/** What sessions over a store, with their cookies, are made of. */
export interface StoredParts extends StoreParts {
  readonly policy: StorePolicy
  readonly carriers: Carriers
}

/** Checks the store's part and puts everything together. */
export function storedPartsOf(policy: StorePolicy): StoredParts {
  const { cookies, guard, keyring, lifetime, now, onEvent, rotationGrace, store } = policy
  const carrierOf = (cookie: SessionCookie): Carrier => ({
    cookie,
    signer: createTokenSigner(keyring, cookie.name),
  })
  return {
    policy,
    carriers: { secure: carrierOf(cookies.secure), loopback: carrierOf(cookies.loopback) },
    records: createSessionRecords(guardStore(store, onEvent), guard, lifetime, now),
    guard,
    rotationGrace,
    now,
    onEvent,
  }
}

/** A backend whose recalling has two steps, with room for a snapshot between them. */
export interface StoredSessions extends Backend<null> {
  /** Finds the token in a Cookie header, and asks no store. */
  identify(header: string, kind: CookieKind): Maybe<Credential>
  /** Asks the store for the session of a token. */
  find(credential: Credential): Maybe<Recalled<null>>
}

/** Sessions in a store; the cookie carries the token of an id. */
export function createStoredSessions(parts: StoredParts): StoredSessions {
  const { carriers, policy, records } = parts
  const { lifetime } = policy
  const writeLogin = createLogins(policy)

  function identify(header: string, kind: CookieKind): Maybe<Credential> {
    const { cookie, signer } = carriers[kind]
    return readCredential(header, cookie.name, signer)
  }

  function find(credential: Credential): Maybe<Recalled<null>> {
    const { id } = credential
    if (id === null) return { ...nothing, reason: credential.reason }
    const { keyIndex } = credential
    return andThen(open(parts, id), ({ live, reason, viaGrace }) => {
      return { live, reason, id, viaGrace, keyIndex, cached: false, trace: null }
    })
  }

  function* carryOut(
    plan: Plan,
    state: SessionState,
    options: Surroundings['options'],
  ): Steps<LiveRecord | null> {
    const { ended, imported, origin } = state
    if (plan === 'create') {
      const live = yield* create(parts, state)
      if (imported === null) return live
      const { settleImport } = yield* wait(import('../backend/imports.ts'))
      return yield* wait(settleImport(parts, state, imported, live))
    }
    if (ended !== null) yield* end(parts, ended)
    if (origin === null || plan === 'nothing') return origin
    if (changesId(plan)) return yield* move(parts, state, origin)
    const updated = update(parts, state, origin)
    const waitUntil = plan === 'touch' ? options.waitUntil : undefined
    if (waitUntil === undefined) return yield* updated
    // A lost touch has been reported, and shortens the session by a tenth of its idle limit at most.
    waitUntil(Promise.resolve(run(orNull(updated))))
    return origin
  }

  /** The `Set-Cookie` fields with which a commit ends. */
  function* fieldsOf(
    { oldKey, presented, state }: Visit<null>,
    kind: CookieKind,
    live: LiveRecord | null,
    changed: boolean,
  ): Steps<string[]> {
    const { cookie, signer } = carriers[kind]
    if (live === null) return state.destroy && presented ? [cookie.remove()] : []
    if (!changed && (!oldKey || state.viaGrace)) return []
    const { id, record } = live
    const until = deadlineOf({ ...record, seenAt: Infinity }, lifetime)
    return [cookie.set(yield* wait(signer.issue(id)), { from: state.now, until }, record.auth?.remember)]
  }

  function* keep(plan: Plan, visit: Visit<null>, { kind, options }: Surroundings): Steps<Kept> {
    const { foreign, state } = visit
    const changed = changesId(plan)
    const write = carryOut(plan, state, options)
    const live = yield* changed ? writeLogin(state, write) : write
    if (foreign !== null && state.destroy) {
      const { refuseImport } = yield* wait(import('../backend/imports.ts'))
      yield* wait(refuseImport(parts, foreign, state.now))
    }
    const isGone = live === null && state.origin !== null
    return { live, setCookies: kind === null || isGone ? [] : yield* fieldsOf(visit, kind, live, changed) }
  }

  return {
    needsCookie: changesId,
    identify,
    find,
    recall: (header, kind) => andThen(identify(header, kind), find),
    async recallForeign(foreign) {
      const { openImport } = await import('../backend/imports.ts')
      return { ...nothing, ...(await openImport(parts, foreign)) }
    },
    keep(plan, visit, surroundings) {
      // What has only been read, by whom we knew, is most of what there is.
      if (plan === 'nothing' && visit.state.origin !== null && !visit.oldKey) {
        return { live: visit.state.origin, setCookies: [] }
      }
      return run(keep(plan, visit, surroundings))
    },
    reload: (live) => run(reload(records, live)),
  }
}

/** What a header without a cookie of ours leads to. */
export const nothing = {
  live: null,
  reason: null,
  id: null,
  viaGrace: false,
  keyIndex: 0,
  cached: false,
  trace: null,
} as const
