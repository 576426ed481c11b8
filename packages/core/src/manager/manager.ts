import { guardStore } from '../backend/guarded-store.ts'
import { move } from '../backend/move.ts'
import { createSessionRecords } from '../backend/session-records.ts'
import { create, end, open, update } from '../backend/store-backend.ts'
import type { SessionCookie } from '../cookie/session-cookie.ts'
import { remedyFor, transportOf, type SessionRequest, type Transport } from '../cookie/transport.ts'
import { createTokenSigner, type TokenSigner } from '../crypto/token-signer.ts'
import { check } from '../errors.ts'
import { deadlineOf } from '../session/lifetime.ts'
import {
  createSessionState,
  SessionHandle,
  type LiveRecord,
  type Session,
  type SessionData,
  type SessionState,
} from '../session/session.ts'
import { isAtomic } from '../store/store.ts'
import { readCredential } from './credential.ts'
import { safely, warnWhenInsecure } from './events.ts'
import { readOptions, type SessionManagerOptions } from './options.ts'
import { needsCookie, planOf, type Plan } from './plan.ts'
import { createSessionHeaders, type SessionHeaders } from './session-headers.ts'

/** What a commit may know of its surroundings. */
export interface CommitOptions {
  /** The status of the response (default 200). On a 101 or a 304 no cookie can be set. */
  readonly status?: number
  /** Lets a mere record of the visit be written after the response, as Workers' `ctx.waitUntil`. Without it, commit waits. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined
}

/** Loads a session from a request and commits it to a response; one per application. */
export interface SessionManager<Data extends object = SessionData> {
  /**
   * The session of a request, or a new one. Never rejects because of what the client sent; rejects with
   * `ERR_SESSION_STORE` when the store fails. Without a cookie of ours, no store is asked.
   */
  load(request: SessionRequest): Promise<Session<Data>>
  /**
   * Writes what changed, once, and seals the handle. Call it before the response head is sent; a second call
   * gives the same result.
   *
   * Rejects with `ERR_SESSION_STORE` when the store fails, and with `ERR_SESSION_DATA` when a value cannot be kept.
   */
  commit(session: Session<Data>, options?: CommitOptions): Promise<SessionHeaders>
  /** Seals the handle and writes nothing, for a request that failed. The headers only keep shared caches away. */
  discard(session: Session<Data>): SessionHeaders
  /**
   * load, `handler`, commit. An untouched `Response` is returned as it is; a handler that throws commits nothing.
   * A handler may return `undefined` where its runtime has taken the connection over (Bun's `server.upgrade`).
   */
  handle<Result extends Response | undefined>(
    request: Request,
    handler: (session: Session<Data>) => Result | Promise<Result>,
    options?: Pick<CommitOptions, 'waitUntil'>,
  ): Promise<Response | Result>
}

/** The cookie of one kind of transport, and who signs it. */
interface Carrier {
  readonly cookie: SessionCookie
  readonly signer: TokenSigner
}

/** One request between load and commit. */
interface Visit {
  readonly state: SessionState
  readonly transport: Transport
  /** Null where no cookie can be read or set. */
  readonly carrier: Carrier | null
  /** Whether the request brought a cookie of ours, of whatever worth. */
  presented: boolean
  /** Whether an older secret signed the cookie. */
  oldKey: boolean
  committed?: Promise<SessionHeaders>
}

/** Makes a session manager; throws `ERR_SESSION_CONFIG` when an option is wrong. Does no work until the first request. */
export function createSessionManager<Data extends object = SessionData>(
  options: SessionManagerOptions<Data>,
): SessionManager<Data> {
  const policy = readOptions(options)
  const { cookies, guard, keyring, lifetime, now, store, trustProxy } = policy
  const onEvent = safely(policy.onEvent ?? warnWhenInsecure())
  const backend = {
    ...policy,
    onEvent,
    records: createSessionRecords(guardStore(store, onEvent), guard, lifetime, now),
  }
  const carrierOf = (cookie: SessionCookie): Carrier => ({
    cookie,
    signer: createTokenSigner(keyring, cookie.name),
  })
  const carriers: { readonly [kind in Transport]?: Carrier } = {
    secure: carrierOf(cookies.secure),
    loopback: carrierOf(cookies.loopback),
  }
  const visits = new WeakMap<object, Visit>()
  if (!isAtomic(store)) onEvent({ type: 'last-write-wins', consistency: store.consistency ?? 'immediate' })

  async function load(request: SessionRequest): Promise<Session<Data>> {
    const transport = transportOf(request, trustProxy)
    const carrier = carriers[transport] ?? null
    const header = request.headers.get('cookie')
    const about = { transport, carrier, presented: false, oldKey: false }
    const state = header === null ? createSessionState(null, now()) : await recall(header, about)
    const session = new SessionHandle<Data>(state, lifetime)
    visits.set(session, { ...about, state })
    return session
  }

  /** The state to which a Cookie header leads; notes in `about` what else it tells. */
  async function recall(header: string, about: Omit<Visit, 'state'>): Promise<SessionState> {
    const { carrier, transport } = about
    const nothing = createSessionState(null, now())
    if (carrier === null) {
      if (header.includes(`${cookies.secure.name}=`)) reportInsecure(transport)
      return nothing
    }
    const credential = await readCredential(header, carrier.cookie.name, carrier.signer)
    const { id } = credential
    const opened = id === null ? { live: null, reason: credential.reason } : await open(backend, id)
    about.presented = opened.live !== null || opened.reason !== null
    if (opened.live === null) {
      if (opened.reason !== null) onEvent({ type: 'rejected', reason: opened.reason, id })
      return nothing
    }
    if (id !== null && credential.keyIndex > 0) {
      about.oldKey = true
      onEvent({ type: 'old-key', id, index: credential.keyIndex })
    }
    return createSessionState(opened.live, now(), opened.viaGrace)
  }

  function visitOf(session: Session<Data>): Visit {
    const visit = visits.get(session)
    check(visit !== undefined, 'The session', 'was not loaded by this manager; commit it where it was loaded')
    return visit
  }

  async function commitVisit(
    visit: Visit,
    { status = 200, waitUntil }: CommitOptions,
  ): Promise<SessionHeaders> {
    const { state } = visit
    state.sealed = true
    // A 101 is not ours to change, and caches merge the head of a 304 into what they keep for everybody.
    const carrier = status === 101 || status === 304 ? null : visit.carrier
    const plan = feasible(planOf(state, lifetime), visit, carrier)
    const live = await carryOut(plan, state, waitUntil)
    const gone = live === null && state.origin !== null
    state.origin = live ?? state.origin
    const setCookie = carrier === null || gone ? null : await cookieField(visit, carrier, needsCookie(plan))
    return createSessionHeaders(setCookie, state.accessed)
  }

  /** What is left of a plan when the response cannot carry a cookie. */
  function feasible(plan: Plan, { carrier, state, transport }: Visit, usable: Carrier | null): Plan {
    if (usable !== null || !needsCookie(plan)) return plan
    if (carrier === null) reportInsecure(transport)
    else onEvent({ type: 'withheld', id: state.origin?.id ?? null, change: plan })
    return plan === 'rotate' ? planOf({ ...state, rotate: false }, lifetime) : 'nothing'
  }

  /** @returns The record as it is afterwards; null when there is none, or it has gone meanwhile. */
  async function carryOut(
    plan: Plan,
    state: SessionState,
    waitUntil: CommitOptions['waitUntil'],
  ): Promise<LiveRecord | null> {
    const { ended, origin } = state
    if (plan === 'create') return create(backend, state)
    if (ended !== null) await end(backend, ended)
    if (origin === null || plan === 'nothing') return origin
    if (needsCookie(plan)) return move(backend, state, origin)
    const updated = update(backend, state, origin)
    if (plan === 'update' || waitUntil === undefined) return updated
    // A lost touch has been reported, and shortens the session by a tenth of its idle limit at most.
    waitUntil(updated.catch(() => {}))
    return origin
  }

  async function cookieField(
    { oldKey, presented, state }: Visit,
    { cookie, signer }: Carrier,
    changed: boolean,
  ): Promise<string | null> {
    const { destroy, now: from, origin, viaGrace } = state
    if (origin === null) return destroy && presented ? cookie.remove() : null
    if (!changed && (!oldKey || viaGrace)) return null
    const until = deadlineOf({ ...origin.record, seenAt: Infinity }, lifetime)
    return cookie.set(await signer.issue(origin.id), { from, until })
  }

  function reportInsecure(transport: Transport): void {
    const reason = transport === 'untrusted-proxy' ? transport : 'plain-http'
    onEvent({ type: 'insecure', reason, remedy: remedyFor(reason) })
  }

  async function commit(session: Session<Data>, about: CommitOptions = {}): Promise<SessionHeaders> {
    const visit = visitOf(session)
    return (visit.committed ??= commitVisit(visit, about))
  }

  function discard(session: Session<Data>): SessionHeaders {
    const visit = visitOf(session)
    visit.state.sealed = true
    const headers = createSessionHeaders(null, visit.state.accessed)
    visit.committed ??= Promise.resolve(headers)
    return headers
  }

  async function handle<Result extends Response | undefined>(
    request: Request,
    handler: (session: Session<Data>) => Result | Promise<Result>,
    about?: Pick<CommitOptions, 'waitUntil'>,
  ): Promise<Response | Result> {
    const session = await load(request)
    let response: Result
    try {
      response = await handler(session)
    } catch (error) {
      discard(session)
      throw error
    }
    const headers = await commit(session, { ...about, status: response?.status ?? 101 })
    return response === undefined ? response : headers.applied(response)
  }

  return { load, commit, discard, handle }
}
