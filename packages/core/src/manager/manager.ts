import { remedyFor, transportOf, type SessionRequest, type Transport } from '../cookie/transport.ts'
import { check } from '../errors.ts'
import { SessionHandle } from '../session/handle.ts'
import type { Session } from '../session/session.ts'
import { createSessionState, type SessionState } from '../session/state.ts'
import { andThen, isPending, type Maybe } from '../steps.ts'
import type { Backend, Kept, Recalled } from './backend.ts'
import { clearSiteDataOf } from './logout.ts'
import type { Policy } from './options.ts'
import { changesId, mayRenew, planOf, type Plan } from './plan.ts'
import { createSessionHeaders, type SessionHeaders } from './session-headers.ts'
import type { CommitOptions, LoadOptions, SessionManager } from './session-manager.ts'
import { RequestVisit, type CookieKind, type Found, type Visit } from './visit.ts'

const settled = { change: null, rotate: false, renewable: false, imported: null }
const noOptions: LoadOptions = {}
const nothing = { presented: false, oldKey: false, trace: null, foreign: null }

/** A session manager over whatever keeps the sessions. Does no work until the first request. */
export function createManager<Data extends object, Trace>(
  { cookies, keyring, lifetime, now, onEvent, trustProxy, unsealForeign }: Policy,
  backend: Backend<Trace>,
  { describe, explain }: Pick<SessionManager<Data>, 'describe' | 'explain'>,
): SessionManager<Data> {
  const isMovingIn = unsealForeign.length > 0
  // Sessions of another manager are not ours to commit.
  const owner = {}

  function load(request: SessionRequest, { fresh = false }: LoadOptions = noOptions): Maybe<Session<Data>> {
    const header = request.headers.get('cookie')
    // A visitor without a cookie of ours is nobody, however the request travelled.
    if (header === null || !(isMovingIn || header.includes(cookies.loopback.name))) {
      return begin(request, null, null, null)
    }
    const transport = transportOf(request, trustProxy)
    const kind = kindOf(transport)
    if (kind === null) {
      if (header.includes(`${cookies.secure.name}=`)) reportInsecure(transport)
      return begin(request, transport, kind, null)
    }
    return andThen(backend.recall(header, kind, fresh), (own) =>
      own.live === null && isMovingIn
        ? moveIn(own, header).then((found) => begin(request, transport, kind, found))
        : begin(request, transport, kind, foundBy(own)),
    )
  }

  function begin(
    request: SessionRequest,
    transport: Transport | null,
    kind: CookieKind | null,
    found: Found<Trace> | null,
  ): Session<Data> {
    const state = found?.state ?? createSessionState(null, now())
    state.renewable = lifetime.renewEvery < Infinity && !state.cached && mayRenew(request)
    return handleOf(new RequestVisit(owner, state, request, transport, kind, found))
  }

  function handleOf(visit: Visit<Trace>): Session<Data> {
    const session = new SessionHandle<Data>(visit.state, lifetime, visit)
    backend.notice?.(session, visit.state.origin, visit.trace)
    return session
  }

  /** To what the cookies led. */
  function foundBy({ cached, id, keyIndex, live, reason, trace, viaGrace }: Recalled<Trace>): Found<Trace> {
    if (live === null) {
      if (reason !== null) onEvent({ type: 'rejected', reason, id })
      return { presented: reason !== null, trace }
    }
    const oldKey = keyIndex > 0
    if (oldKey) onEvent({ type: 'old-key', id: id ?? live.id, index: keyIndex })
    return { presented: true, oldKey, trace, state: createSessionState(live, now(), viaGrace, cached) }
  }

  /** What comes of a cookie of another library; only those who move in from one load what that takes. */
  async function moveIn(own: Recalled<Trace>, header: string): Promise<Found<Trace>> {
    const { takeOver } = await import('./take-over.ts')
    const taken = await takeOver(header, unsealForeign, backend, { lifetime, now, onEvent })
    return taken === null ? foundBy(own) : { presented: own.reason !== null, trace: own.trace, ...taken }
  }

  function visitOf(session: Session<Data>): Visit<Trace> {
    const visit = SessionHandle.visitOf(session) as Visit<Trace> | null
    check(
      visit?.owner === owner,
      'The session',
      'was not loaded by this manager; commit it where it was loaded',
    )
    return visit
  }

  function commitVisit(
    visit: Visit<Trace>,
    options: CommitOptions,
    session: Session<Data>,
  ): Maybe<SessionHeaders> {
    const { request, state } = visit
    state.sealed = true
    state.working.seal()
    // Most requests without a cookie want none either, and their transport is of no interest.
    if (visit.transport === null && request !== null) {
      if (isIdle(state) && clearSiteDataOf(session) === null) return createSessionHeaders([], state.accessed)
      visit.transport = transportOf(request, trustProxy)
      visit.kind = kindOf(visit.transport)
    }
    // A 101 is not ours to change, and caches merge the head of a 304 into what they keep for everybody.
    const isCarrier = request !== null && options.status !== 101 && options.status !== 304
    const kind = isCarrier ? visit.kind : null
    // Where no cookie can be set, a renewal that nobody asked for just waits.
    const plan = feasible(planOf(state, lifetime, state.renewable && kind !== null), visit, kind)
    // Nothing is written that no cookie could lead to.
    const signs = kind !== null && (backend.needsCookie(plan) || visit.oldKey)
    return andThen(signs ? keyring.ready() : null, () =>
      andThen(backend.keep(plan, visit, { kind, options }), (kept) =>
        settle(visit, changesId(plan), kept, kind, session),
      ),
    )
  }

  /** What the response has to say of what has been kept. */
  function settle(
    { foreign, state, trace }: Visit<Trace>,
    changed: boolean,
    { live, setCookies }: Kept,
    kind: CookieKind | null,
    session: Session<Data>,
  ): SessionHeaders {
    // A foreign cookie goes when ours has taken its place, or can no more.
    const isLeft = foreign !== null && kind !== null && !state.viaGrace
    const removals = isLeft && (live !== null || state.imported === null) ? foreign.removeCookies : []
    state.origin = live ?? state.origin
    // What follows sees the session as it is now, and not as about to change.
    if (live !== null && changed) Object.assign(state, settled)
    backend.notice?.(session, state.origin, trace)
    const fields = removals.length === 0 ? setCookies : [...removals, ...setCookies]
    return createSessionHeaders(fields, state.accessed, kind && clearSiteDataOf(session))
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

  function reportInsecure(transport: Transport | null): void {
    const reason = transport === 'untrusted-proxy' ? transport : 'plain-http'
    onEvent({ type: 'insecure', reason, remedy: remedyFor(reason) })
  }

  function commit(session: Session<Data>, about: CommitOptions = {}): Maybe<SessionHeaders> {
    const visit = visitOf(session)
    try {
      return (visit.committed ??= commitVisit(visit, about, session))
    } catch (error) {
      // Who asks again is told the same, and nothing is written twice.
      visit.committed = Promise.reject(error)
      visit.committed.catch(() => {})
      throw error
    }
  }

  async function reload(session: Session<Data>): Promise<Session<Data> | null> {
    const { kind, state, trace, transport } = visitOf(session)
    const live = state.origin && (await backend.reload(state.origin, trace))
    if (live === null) return null
    return handleOf({
      ...nothing,
      owner,
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
    visit.committed ??= headers
    return headers
  }

  async function handle<Result extends Response | undefined>(
    request: Request,
    handler: (session: Session<Data>) => Result | Promise<Result>,
    options: LoadOptions & Pick<CommitOptions, 'waitUntil'> = {},
  ): Promise<Response | Result> {
    const loaded = load(request, options)
    const session = isPending(loaded) ? await loaded : loaded
    let response: Result
    try {
      const answer = handler(session)
      response = isPending(answer) ? await answer : answer
    } catch (error) {
      discard(session)
      throw error
    }
    const committed = commit(session, { ...options, status: response?.status ?? 101 })
    const headers = isPending(committed) ? await committed : committed
    return response === undefined ? response : headers.applied(response)
  }

  return {
    load: async (request, options) => load(request, options),
    commit: async (session, about) => commit(session, about),
    now: { load, commit },
    reload,
    discard,
    handle,
    keyUse: keyring.keyUse,
    explain,
    describe,
  }
}

function kindOf(transport: Transport | null): CookieKind | null {
  return transport === 'secure' || transport === 'loopback' ? transport : null
}

/** Whether a new session has nothing to be kept. */
function isIdle(state: SessionState): boolean {
  const { change, destroy, imported, nextId, origin, working } = state
  const asks = change !== null || destroy || imported !== null || nextId !== null
  return origin === null && !asks && working.changedKeys().length === 0
}
