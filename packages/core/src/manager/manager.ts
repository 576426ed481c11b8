import { remedyFor, transportOf, type SessionRequest, type Transport } from '../cookie/transport.ts'
import { check } from '../errors.ts'
import { SessionHandle } from '../session/handle.ts'
import type { Session } from '../session/session.ts'
import { createSessionState } from '../session/state.ts'
import type { Backend } from './backend.ts'
import { clearSiteDataOf } from './logout.ts'
import type { Policy } from './options.ts'
import { changesId, mayRenew, planOf, type Plan } from './plan.ts'
import { createSessionHeaders, type SessionHeaders } from './session-headers.ts'
import type { CommitOptions, LoadOptions, SessionManager } from './session-manager.ts'
import type { CookieKind, Visit } from './visit.ts'

const settled = { change: null, rotate: false, renewable: false, imported: null }
const nothing = { presented: false, oldKey: false, trace: null, foreign: null }

/** A session manager over whatever keeps the sessions. Does no work until the first request. */
export function createManager<Data extends object, Trace>(
  { cookies, keyring, lifetime, now, onEvent, trustProxy, unsealForeign }: Policy,
  backend: Backend<Trace>,
  { describe, explain }: Pick<SessionManager<Data>, 'describe' | 'explain'>,
): SessionManager<Data> {
  const visits = new WeakMap<object, Visit<Trace>>()

  async function load(request: SessionRequest, { fresh = false }: LoadOptions = {}): Promise<Session<Data>> {
    const transport = transportOf(request, trustProxy)
    const kind = transport === 'secure' || transport === 'loopback' ? transport : null
    const header = request.headers.get('cookie')
    const found = header === null ? null : await recall(header, kind, transport, fresh)
    const visit = { ...nothing, state: createSessionState(null, now()), ...found, request, transport, kind }
    visit.state.renewable = lifetime.renewEvery < Infinity && !visit.state.cached && mayRenew(request)
    return handleOf(visit)
  }

  function handleOf(visit: Visit<Trace>): Session<Data> {
    const session = new SessionHandle<Data>(visit.state, lifetime)
    visits.set(session, visit)
    backend.notice?.(session, visit.state.origin, visit.trace)
    return session
  }

  /** To what a Cookie header leads. */
  async function recall(
    header: string,
    kind: CookieKind | null,
    transport: Transport,
    fresh: boolean,
  ): Promise<Partial<Visit<Trace>> | null> {
    if (kind === null) {
      if (header.includes(`${cookies.secure.name}=`)) reportInsecure(transport)
      return null
    }
    const own = await backend.recall(header, kind, fresh)
    const seen = { presented: own.live !== null || own.reason !== null, trace: own.trace }
    if (own.live === null && unsealForeign.length > 0) {
      // Only those who move in from another library load what that takes.
      const { takeOver } = await import('./take-over.ts')
      const taken = await takeOver(header, unsealForeign, backend, { lifetime, now, onEvent })
      if (taken !== null) return { ...seen, ...taken }
    }
    if (own.live === null) {
      if (own.reason !== null) onEvent({ type: 'rejected', reason: own.reason, id: own.id })
      return seen
    }
    const oldKey = own.keyIndex > 0
    if (oldKey) onEvent({ type: 'old-key', id: own.id ?? own.live.id, index: own.keyIndex })
    return { ...seen, oldKey, state: createSessionState(own.live, now(), own.viaGrace, own.cached) }
  }

  function visitOf(session: Session<Data>): Visit<Trace> {
    const visit = visits.get(session)
    check(visit !== undefined, 'The session', 'was not loaded by this manager; commit it where it was loaded')
    return visit
  }

  async function commitVisit(
    visit: Visit<Trace>,
    { status = 200, waitUntil }: CommitOptions,
    session: Session<Data>,
  ): Promise<SessionHeaders> {
    const { foreign, request, state } = visit
    state.sealed = true
    // A 101 is not ours to change, and caches merge the head of a 304 into what they keep for everybody.
    const kind = request === null || status === 101 || status === 304 ? null : visit.kind
    // Where no cookie can be set, a renewal that nobody asked for just waits.
    const plan = feasible(planOf(state, lifetime, state.renewable && kind !== null), visit, kind)
    // Nothing is written that no cookie could lead to.
    if (kind !== null && (backend.needsCookie(plan) || visit.oldKey)) await keyring.ready()
    const { live, setCookies } = await backend.keep(plan, visit, { kind, waitUntil })
    // A foreign cookie goes when ours has taken its place, or can no more.
    const isLeft = foreign !== null && kind !== null && !state.viaGrace
    const removals = isLeft && (live !== null || state.imported === null) ? foreign.removeCookies : []
    state.origin = live ?? state.origin
    // What follows sees the session as it is now, and not as about to change.
    if (live !== null && changesId(plan)) Object.assign(state, settled)
    backend.notice?.(session, state.origin, visit.trace)
    return createSessionHeaders(
      [...removals, ...setCookies],
      state.accessed,
      kind && clearSiteDataOf(session),
    )
  }

  /** What is left of a plan when the response cannot carry a cookie. */
  function feasible(plan: Plan, visit: Visit<Trace>, usable: CookieKind | null): Plan {
    const { kind, state, transport } = visit
    if (usable !== null || !backend.needsCookie(plan)) return plan
    // A visit, and today's form of the data, are recorded next time.
    const asksNothing = !changesId(plan) && state.working.changedKeys().length === 0
    if (asksNothing || plan === 'nothing' || plan === 'touch') return 'nothing'
    if (kind === null) reportInsecure(transport)
    else onEvent({ type: 'withheld', id: state.origin?.id ?? null, change: plan })
    return plan === 'rotate'
      ? feasible(planOf({ ...state, rotate: false }, lifetime), visit, usable)
      : 'nothing'
  }

  function reportInsecure(transport: Transport): void {
    const reason = transport === 'untrusted-proxy' ? transport : 'plain-http'
    onEvent({ type: 'insecure', reason, remedy: remedyFor(reason) })
  }

  async function commit(session: Session<Data>, about: CommitOptions = {}): Promise<SessionHeaders> {
    const visit = visitOf(session)
    return (visit.committed ??= commitVisit(visit, about, session))
  }

  async function reload(session: Session<Data>): Promise<Session<Data> | null> {
    const { kind, state, trace, transport } = visitOf(session)
    const live = state.origin && (await backend.reload(state.origin, trace))
    if (live === null) return null
    return handleOf({
      ...nothing,
      state: createSessionState(live, now()),
      request: null,
      trace,
      transport,
      kind,
    })
  }

  function discard(session: Session<Data>): SessionHeaders {
    const visit = visitOf(session)
    visit.state.sealed = true
    const headers = createSessionHeaders([], visit.state.accessed)
    visit.committed ??= Promise.resolve(headers)
    return headers
  }

  async function handle<Result extends Response | undefined>(
    request: Request,
    handler: (session: Session<Data>) => Result | Promise<Result>,
    { fresh = false, waitUntil }: LoadOptions & Pick<CommitOptions, 'waitUntil'> = {},
  ): Promise<Response | Result> {
    const session = await load(request, { fresh })
    let response: Result
    try {
      response = await handler(session)
    } catch (error) {
      discard(session)
      throw error
    }
    const headers = await commit(session, { waitUntil, status: response?.status ?? 101 })
    return response === undefined ? response : headers.applied(response)
  }

  return { load, reload, commit, discard, handle, keyUse: keyring.keyUse, explain, describe }
}
