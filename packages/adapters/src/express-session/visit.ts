import type { NodeResponse, OnEvent, SessionId } from '@coatcheck/core'
import { appendCookie } from '../frameworks/append-cookie.ts'
import { contentsOf, merged, type Contents } from './contents.ts'
import { cookieFor, removal, sendCookie } from './cookie-field.ts'
import type { Cookie, CookieOptions } from './cookie.ts'
import type { Policy } from './options.ts'
import type { Change, RecordKeeper } from './record-keeper.ts'
import { currentSession, type SessionedRequest } from './request.ts'
import { Session, setSessionActions, type Told } from './session.ts'
import { recordOf, shows, snapshotOf, type Snapshot } from './snapshot.ts'
import type { Secret, SignedId } from './signature.ts'
import { createSessionOf, type SessionRecord } from './store.ts'

/** One request between its arrival and the end of its response. */
export interface Visit {
  /** Gives the request a new session. */
  generate(): void
  /** Gives the request the session of a record. */
  inflate(sid: string, record: SessionRecord): void
  /** Saves what there is to save, then sets the cookie: before the client can see any of the response. */
  beforeHead(head: NodeResponse): void | Promise<void>
  /** Saves what was changed since. */
  beforeEnd(): void | Promise<void>
}

/** What a visit needs of its surroundings. */
export interface VisitContext {
  readonly policy: Policy
  /** The attributes that new sessions of this request get. */
  readonly cookie: CookieOptions
  readonly keeper: RecordKeeper
  readonly report: OnEvent
  readonly secret: Secret
  /** The session that the cookie of the request names, if its signature holds. */
  readonly presented: SignedId | null
  /** The status that the response has so far. */
  readonly status: () => number
}

export function createVisit(req: SessionedRequest, context: VisitContext): Visit {
  const { keeper, policy, presented, report } = context
  const { store } = policy
  /** As the request found it. */
  let original: Snapshot | null = null
  /** As it is in the store; what differs from it has been changed here. */
  let stored: Snapshot | null = null
  let savedHere = false
  /** What could not be saved, as the handler has been told: the page that it sends is its answer to that. */
  let failed: (Snapshot & { readonly told: Told }) | null = null
  let broken: { readonly error: unknown; readonly told: Told } | null = null
  let touched = false
  let destroyed = false
  /** The cookie of the latest session, for removing it. */
  let cookie: Cookie | null = null
  /** What the handler has begun and not waited for. */
  let working: Promise<unknown> | null = null

  const isReturning = (): boolean => presented !== null && presented.sid === req.sessionID

  function generate(): void {
    const id: unknown = policy.genid(req)
    if (typeof id !== 'string' || id === '')
      throw new TypeError('genid must return a string that is not empty.')
    req.sessionID = id
    const session = new Session(req)
    session.cookie = cookieFor(req, context.cookie, policy.proxy)
    adopt(session)
  }

  function inflate(sid: string, record: SessionRecord): void {
    req.sessionID = sid
    stored = adopt(createSessionOf(store)(req, record))
  }

  function adopt(session: Session): Snapshot {
    const snapshot = snapshotOf(session, contentsOf(session))
    req.session = session
    cookie = session.cookie
    destroyed = false
    original ??= snapshot
    return snapshot
  }

  function touchOnce(session: Session): void {
    if (!touched) session.touch()
    touched = true
  }

  function isModified({ id }: Session, contents: Contents): boolean {
    return !shows(original, id, contents)
  }

  function shouldSave(session: Session, contents: Contents): boolean {
    if (!policy.saveUninitialized && stored === null && !isReturning()) return isModified(session, contents)
    return !shows(stored, session.id, contents) || (policy.resave && !savedHere)
  }

  /** @returns Whether the session is in the store now. */
  async function save(session: Session, contents: Contents): Promise<boolean> {
    const { id } = session
    const now = snapshotOf(session, contents)
    savedHere = true
    if (stored?.id !== id) await keeper.create(id, recordOf(session))
    else if (!(await keeper.change(id, changeOf(session, stored, now)))) return gone(id)
    stored = now
    failed = null
    return true
  }

  /** What this request has changed, for the newest record. */
  function changeOf(session: Session, before: Snapshot, now: Snapshot): Change {
    const cookie = before.settings === now.settings ? null : session.cookie
    return (record) => merged(record, session, before.contents, now.contents, cookie)
  }

  async function saveOnRequest(session: Session, contents: Contents, told: Told): Promise<void> {
    try {
      await save(session, contents)
    } catch (error) {
      failed = { ...snapshotOf(session, contents), told }
      throw error
    }
  }

  /** @param carries Whether a cookie is to go out: then it is looked up what most stores' touch does not tell. */
  async function touch(session: Session, stored: Snapshot, carries: boolean): Promise<boolean> {
    const { id } = session
    const change = changeOf(session, stored, snapshotOf(session, stored.contents))
    const touched = await keeper.touch(id, recordOf(session), change)
    return (touched && (!carries || (await keeper.read(id)) !== null)) || gone(id)
  }

  function gone(id: string): false {
    report({ type: 'gone', id: id as SessionId })
    return false
  }

  async function destroy(sid: string): Promise<void> {
    await keeper.destroy(sid)
    destroyed = true
  }

  function wantsCookie(session: Session, contents: Contents): boolean {
    if (!isReturning()) return policy.saveUninitialized || isModified(session, contents)
    if (policy.rolling || presented!.keyIndex > 0) return true
    return session.cookie.expires != null && isModified(session, contents)
  }

  function settle(head: NodeResponse): void | Promise<void> {
    if (broken?.told() === false) throw broken.error
    const session = currentSession(req)
    if (session === null) return leave(head)
    touchOnce(session)
    const contents = contentsOf(session)
    const carries = wantsCookie(session, contents)
    const conclude = (alive: boolean): void => {
      if (alive && carries) sendCookie(head, req, session, context)
    }
    if (failed?.told() === true && shows(failed, session.id, contents)) return undefined
    if (shouldSave(session, contents)) return save(session, contents).then(conclude)
    if (!isReturning() || stored === null) return conclude(true)
    return touch(session, stored, carries).then(conclude)
  }

  /** An error page goes out even if the session cannot be saved: a failure on top of it would hide it. */
  function tolerate(error: unknown): void {
    if (context.status() < 500) throw error
    report({ type: 'store-failure', operation: 'set', error })
  }

  /** There is no session any more: so says the store, and so should the browser. */
  function leave(head: NodeResponse): void | Promise<void> {
    const forget = (): void => {
      if (destroyed && presented !== null && cookie !== null) appendCookie(head, removal(policy.name, cookie))
    }
    return isUnset() ? destroy(req.sessionID as string).then(forget) : forget()
  }

  function isUnset(): boolean {
    return (
      policy.unset === 'destroy' && req.session == null && typeof req.sessionID === 'string' && !destroyed
    )
  }

  /** Keeps a failure of which nobody may have been told: who logs out and does not wait must not see a page that says so. */
  function noted(work: Promise<void>, told: Told): Promise<void> {
    return work.catch((error: unknown) => {
      broken = { error, told }
      throw error
    })
  }

  /** Lets the response wait for what the handler began, whether or not the handler waits for it. */
  function tracked<Result>(work: Promise<Result>): Promise<Result> {
    const all = Promise.allSettled([working, work]).finally(() => {
      if (working === all) working = null
    })
    working = all
    return work
  }

  function afterWork(step: () => void | Promise<void>): void | Promise<void> {
    return working === null ? step() : working.then(() => afterWork(step))
  }

  setSessionActions(req, {
    save: (session, told) => {
      touchOnce(session)
      return tracked(saveOnRequest(session, contentsOf(session), told))
    },
    reload: ({ id }) => tracked(reload(id)),
    destroy: (session, told) => {
      delete req.session
      cookie = session.cookie
      return tracked(noted(destroy(session.id), told))
    },
    regenerate: ({ id }, told) => tracked(noted(destroy(id), told).finally(generate)),
  })

  async function reload(sid: string): Promise<void> {
    const record = await keeper.read(sid)
    if (record === null) throw new Error('failed to load session')
    inflate(sid, record)
  }

  function settleRest(): void | Promise<void> {
    const session = currentSession(req)
    if (session === null) return isUnset() ? destroy(req.sessionID as string) : undefined
    const contents = contentsOf(session)
    if (!shouldSave(session, contents)) return undefined
    if (stored?.id === session.id) return save(session, contents).then(() => undefined)
    // The head has gone without a cookie: nobody could ever come back to this session.
    return report({ type: 'withheld', id: null, change: 'create' })
  }

  return {
    generate,
    inflate,
    beforeHead(head) {
      return afterWork(() => {
        try {
          return settle(head)?.catch(tolerate)
        } catch (error) {
          return tolerate(error)
        }
      })
    },
    beforeEnd: () => afterWork(settleRest),
  }
}
