import { guardStore } from '../backend/guarded-store.ts'
import { move } from '../backend/move.ts'
import { reload as reloadRecord } from '../backend/reload.ts'
import { createSessionRecords } from '../backend/session-records.ts'
import { create, end, open, update } from '../backend/store-backend.ts'
import type { SessionCookie } from '../cookie/session-cookie.ts'
import { remedyFor, transportOf, type SessionRequest, type Transport } from '../cookie/transport.ts'
import { createTokenSigner } from '../crypto/token-signer.ts'
import { check } from '../errors.ts'
import { SessionHandle } from '../session/handle.ts'
import type { Session, SessionData } from '../session/session.ts'
import { createSessionState, type LiveRecord, type SessionState } from '../session/state.ts'
import { isAtomic } from '../store/store.ts'
import { readCredential } from './credential.ts'
import { safely, warnWhenInsecure } from './events.ts'
import { createLogins } from './logins.ts'
import { clearSiteDataOf } from './logout.ts'
import { readOptions, type SessionManagerOptions } from './options.ts'
import { mayRenew, needsCookie, planOf, type Plan } from './plan.ts'
import { createSessionHeaders, type SessionHeaders } from './session-headers.ts'
import type { CommitOptions, SessionManager } from './session-manager.ts'
import { cookieField, type Carrier, type Visit } from './visit.ts'

const settled = { change: null, rotate: false, renewable: false }
const fresh = { presented: false, oldKey: false, detached: false }

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
  const writeLogin = createLogins(backend)
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
    const about = { transport, carrier, ...fresh }
    const state = header === null ? createSessionState(null, now()) : await recall(header, about)
    state.renewable = lifetime.renewEvery < Infinity && mayRenew(request)
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
    clearSiteData: string | null,
  ): Promise<SessionHeaders> {
    const { state } = visit
    state.sealed = true
    // A 101 is not ours to change, and caches merge the head of a 304 into what they keep for everybody.
    const carrier = visit.detached || status === 101 || status === 304 ? null : visit.carrier
    // Where no cookie can be set, a renewal that nobody asked for just waits.
    const renewable = state.renewable && carrier !== null
    const plan = feasible(planOf(state, lifetime, renewable), visit, carrier)
    // Nothing is written that no cookie could lead to.
    if (carrier !== null && (needsCookie(plan) || visit.oldKey)) await keyring.ready()
    const write = (): Promise<LiveRecord | null> => carryOut(plan, state, waitUntil)
    const live = await (needsCookie(plan) ? writeLogin(state, write) : write())
    const gone = live === null && state.origin !== null
    state.origin = live ?? state.origin
    // What follows sees the session as it is now, and not as about to change.
    if (live !== null && needsCookie(plan)) Object.assign(state, settled)
    const setCookie =
      carrier === null || gone ? null : await cookieField(visit, carrier, needsCookie(plan), lifetime)
    return createSessionHeaders(setCookie, state.accessed, carrier && clearSiteData)
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

  function reportInsecure(transport: Transport): void {
    const reason = transport === 'untrusted-proxy' ? transport : 'plain-http'
    onEvent({ type: 'insecure', reason, remedy: remedyFor(reason) })
  }

  async function commit(session: Session<Data>, about: CommitOptions = {}): Promise<SessionHeaders> {
    const visit = visitOf(session)
    return (visit.committed ??= commitVisit(visit, about, clearSiteDataOf(session)))
  }

  async function reload(session: Session<Data>): Promise<Session<Data> | null> {
    const { carrier, state, transport } = visitOf(session)
    const live = state.origin && (await reloadRecord(backend.records, state.origin))
    if (live === null) return null
    const reloaded = createSessionState(live, now())
    const handle = new SessionHandle<Data>(reloaded, lifetime)
    visits.set(handle, { ...fresh, state: reloaded, transport, carrier, detached: true })
    return handle
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

  return {
    load,
    reload,
    commit,
    discard,
    handle,
    keyUse: keyring.keyUse,
    // The words of these two weigh more than all else here: whoever never asks never loads them.
    explain: async (request) => (await import('./explain.ts')).explain({ ...policy, carriers }, request),
    describe: async () => (await import('./describe.ts')).describePolicy(policy),
  }
}
