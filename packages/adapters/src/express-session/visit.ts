import type { NodeResponse, OnEvent, SessionId } from '@coatcheck/core'
import { contentsOf, merged, type Contents } from './contents.ts'
import { appendCookie, cookieFor, removal } from './cookie-field.ts'
import type { Cookie, CookieOptions } from './cookie.ts'
import type { Policy } from './options.ts'
import { readRecord, type RecordKeeper } from './record-keeper.ts'
import { currentSession, insecurity, isSecure, type SessionedRequest } from './request.ts'
import { Session, setSessionActions } from './session.ts'
import { recordOf, shows, snapshotOf, type Snapshot } from './snapshot.ts'
import { sign, type Secret, type SignedId } from './signature.ts'
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
  const { keeper, policy, presented, report, secret } = context
  const { store } = policy
  /** As the request found it. */
  let original: Snapshot | null = null
  /** As it is in the store; what differs from it has been changed here. */
  let stored: Snapshot | null = null
  let savedHere = false
  /** What could not be saved, as the handler has been told: the page that it sends is its answer to that. */
  let failed: Snapshot | null = null
  let decided = false
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
    const session = createSessionOf(store)(req, record)
    stored = snapshotOf(session, contentsOf(session))
    adopt(session)
  }

  function adopt(session: Session): void {
    req.session = session
    cookie = session.cookie
    destroyed = false
    original ??= snapshotOf(session, contentsOf(session))
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
    const { cookie, id } = session
    const before = stored?.id === id ? stored : null
    const now = snapshotOf(session, contents)
    savedHere = true
    if (before === null) {
      await keeper.create(id, recordOf(session))
    } else {
      const own = before.settings === now.settings ? null : cookie
      const alive = await keeper.change(id, (record) =>
        merged(record, session, before.contents, contents, own),
      )
      if (!alive) return gone(id)
    }
    stored = now
    return true
  }

  /** For callers to whom it makes no difference that the session has gone. */
  async function saveQuietly(session: Session, contents: Contents): Promise<void> {
    await save(session, contents)
  }

  async function saveOnRequest(session: Session, contents: Contents): Promise<void> {
    try {
      await save(session, contents)
    } catch (error) {
      if (!decided) failed = snapshotOf(session, contents)
      throw error
    }
  }

  async function touch(session: Session): Promise<boolean> {
    return (await keeper.touch(session.id, recordOf(session))) || gone(session.id)
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

  function setCookie(head: NodeResponse, session: Session): void {
    if (session.cookie.secure !== true || isSecure(req, policy.proxy)) {
      appendCookie(head, session.cookie.serialize(policy.name, `s:${sign(session.id, secret)}`))
    } else {
      report({ type: 'insecure', ...insecurity(req, policy.proxy) })
    }
  }

  function settle(head: NodeResponse): void | Promise<void> {
    const session = currentSession(req)
    if (session === null) return leave(head)
    touchOnce(session)
    const contents = contentsOf(session)
    const carries = wantsCookie(session, contents)
    const conclude = (alive: boolean): void => {
      if (alive && carries) setCookie(head, session)
    }
    if (shows(failed, session.id, contents)) return undefined
    if (shouldSave(session, contents)) return save(session, contents).then(conclude, tolerate)
    return isReturning() && store.touch ? touch(session).then(conclude, tolerate) : conclude(true)
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

  /** Lets the response wait for what the handler began, whether or not the handler waits for it. */
  function tracked<Result>(work: Promise<Result>): Promise<Result> {
    const all = Promise.allSettled([working, work])
    working = all
    return work
  }

  setSessionActions(req, {
    save: (session) => {
      touchOnce(session)
      return tracked(saveOnRequest(session, contentsOf(session)))
    },
    reload: (session) => tracked(reload(session.id)),
    destroy: (session) => {
      delete req.session
      cookie = session.cookie
      return tracked(destroy(session.id))
    },
    regenerate: (session) => tracked(destroy(session.id).finally(generate)),
  })

  function reload(sid: string): Promise<void> {
    return new Promise((resolve, reject) => {
      readRecord(store, sid, (error, record) => {
        if (error !== null) return reject(error)
        if (record === null) return reject(new Error('failed to load session'))
        try {
          resolve(inflate(sid, record))
        } catch (failure) {
          reject(failure)
        }
      })
    })
  }

  return {
    generate,
    inflate,
    beforeHead(head) {
      decided = true
      return working === null ? settle(head) : working.then(() => settle(head))
    },
    beforeEnd() {
      const session = currentSession(req)
      if (session === null) return isUnset() ? destroy(req.sessionID as string) : undefined
      const contents = contentsOf(session)
      if (!shouldSave(session, contents)) return undefined
      if (stored?.id === session.id) return saveQuietly(session, contents)
      // The head has gone without a cookie: nobody could ever come back to this session.
      return report({ type: 'withheld', id: null, change: 'create' })
    },
  }
}
