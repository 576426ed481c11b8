import type { ServerResponse } from 'node:http'
import type { NodeResponse, OnEvent, SessionId } from '@coatcheck/core'
import { appendCookie } from '../frameworks/append-cookie.ts'
import { contentsOf, type Contents } from './contents.ts'
import { cookieFor, removal, sendCookie } from './cookie-field.ts'
import type { Cookie, CookieOptions } from './cookie.ts'
import { using, type Maybe } from './maybe.ts'
import type { Policy } from './options.ts'
import { PendingWork } from './pending-work.ts'
import type { RecordKeeper } from './keeper.ts'
import { currentSession, type SessionedRequest } from './request.ts'
import { Session, setSessionActions, type SessionActions, type Told } from './session.ts'
import { changeOf, recordOf, shows, snapshotOf, type Snapshot } from './snapshot.ts'
import type { Secret, SignedId } from './signature.ts'
import { createSessionOf, type SessionRecord } from './store.ts'

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
}

/**
 * One request between its arrival and the end of its response. A class, because there is one for each request: objects
 * from literals V8 soon puts straight into the old generation, where they keep the request from being collected young.
 */
export class Visit implements SessionActions {
  readonly #req: SessionedRequest
  readonly #res: ServerResponse
  readonly #context: VisitContext
  /** As the request found it. */
  #original: Snapshot | null = null
  /** As it is in the store; what differs from it has been changed here. */
  #stored: Snapshot | null = null
  #savedHere = false
  /** What could not be saved, as the handler has been told: the page that it sends is its answer to that. */
  #failed: (Snapshot & { readonly told: Told }) | null = null
  #touched = false
  #destroyed = false
  /** The cookie of the latest session, for removing it. */
  #cookie: Cookie | null = null
  readonly #work = new PendingWork()

  constructor(req: SessionedRequest, res: ServerResponse, context: VisitContext) {
    this.#req = req
    this.#res = res
    this.#context = context
    setSessionActions(req, this)
  }

  /** Gives the request a new session. */
  generate(): void {
    const { cookie, policy } = this.#context
    const req = this.#req
    const id: unknown = policy.genid(req)
    if (typeof id !== 'string' || id === '')
      throw new TypeError('genid must return a string that is not empty.')
    req.sessionID = id
    const session = new Session(req)
    session.cookie = cookieFor(req, cookie, policy.proxy)
    this.#adopt(session)
  }

  /** Gives the request the session of a record. */
  inflate(sid: string, record: SessionRecord): void {
    this.#req.sessionID = sid
    this.#stored = this.#adopt(createSessionOf(this.#context.policy.store)(this.#req, record))
  }

  /** Saves what there is to save, then sets the cookie: before the client can see any of the response. */
  readonly beforeHead = (head: NodeResponse): Maybe<void> =>
    this.#work.afterwards(() => {
      try {
        const settling = this.#settle(head)
        return settling instanceof Promise ? settling.catch((error) => this.#tolerate(error)) : settling
      } catch (error) {
        return this.#tolerate(error)
      }
    })

  /** Saves what was changed since. */
  readonly beforeEnd = (): Maybe<void> => this.#work.afterwards(() => this.#settleRest())

  save(session: Session, told: Told): Promise<void> {
    this.#touchOnce(session)
    return this.#work.track(this.#saveOnRequest(session, contentsOf(session), told))
  }

  reload({ id }: Session): Promise<void> {
    return this.#work.track(this.#reload(id))
  }

  destroy(session: Session, told: Told): Promise<void> {
    delete this.#req.session
    this.#cookie = session.cookie
    return this.#work.track(this.#end(session.id, told))
  }

  regenerate({ id }: Session, told: Told): Promise<void> {
    return this.#work.track(this.#end(id, told).finally(() => this.generate()))
  }

  #adopt(session: Session): Snapshot {
    const snapshot = snapshotOf(session, contentsOf(session))
    this.#req.session = session
    this.#cookie = session.cookie
    this.#destroyed = false
    this.#original ??= snapshot
    return snapshot
  }

  #isReturning(): boolean {
    const { presented } = this.#context
    return presented !== null && presented.sid === this.#req.sessionID
  }

  #touchOnce(session: Session): void {
    if (!this.#touched) session.touch()
    this.#touched = true
  }

  #isModified({ id }: Session, contents: Contents): boolean {
    return !shows(this.#original, id, contents)
  }

  #shouldSave(session: Session, contents: Contents): boolean {
    const { policy } = this.#context
    if (!policy.saveUninitialized && this.#stored === null && !this.#isReturning()) {
      return this.#isModified(session, contents)
    }
    return !shows(this.#stored, session.id, contents) || (policy.resave && !this.#savedHere)
  }

  /** @returns Whether the session is in the store now. */
  #save(session: Session, contents: Contents): Maybe<boolean> {
    const { keeper } = this.#context
    const { id } = session
    const now = snapshotOf(session, contents)
    this.#savedHere = true
    const conclude = (alive: boolean): boolean => {
      if (!alive) return this.#gone(id)
      this.#stored = now
      this.#failed = null
      return true
    }
    if (this.#stored?.id !== id) return using(keeper.create(id, recordOf(session)), () => conclude(true))
    return using(keeper.change(id, changeOf(session, this.#stored, now)), conclude)
  }

  async #saveOnRequest(session: Session, contents: Contents, told: Told): Promise<void> {
    try {
      await this.#save(session, contents)
    } catch (error) {
      this.#failed = { ...snapshotOf(session, contents), told }
      throw error
    }
  }

  /** @param carries Whether a cookie is to go out: then it is looked up what most stores' touch does not tell. */
  #touch(session: Session, stored: Snapshot, carries: boolean): Maybe<boolean> {
    const { keeper } = this.#context
    const { id } = session
    const change = changeOf(session, stored, snapshotOf(session, stored.contents))
    return using(keeper.touch(id, recordOf(session), change), (touched) => {
      if (!touched) return this.#gone(id)
      return !carries || using(keeper.read(id), (record) => record !== null || this.#gone(id))
    })
  }

  #gone(id: string): false {
    this.#context.report({ type: 'gone', id: id as SessionId })
    return false
  }

  #destroy(sid: string): Maybe<void> {
    return using(this.#context.keeper.destroy(sid), () => void (this.#destroyed = true))
  }

  #end(sid: string, told: Told): Promise<void> {
    const end = this.#destroy(sid)
    return end instanceof Promise ? end.catch((error) => this.#work.fail(error, told)) : Promise.resolve()
  }

  #wantsCookie(session: Session, contents: Contents): boolean {
    const { policy, presented } = this.#context
    if (!this.#isReturning()) return policy.saveUninitialized || this.#isModified(session, contents)
    if (policy.rolling || presented!.keyIndex > 0) return true
    return session.cookie.expires != null && this.#isModified(session, contents)
  }

  #settle(head: NodeResponse): Maybe<void> {
    this.#work.throwUntold()
    const session = currentSession(this.#req)
    if (session === null) return this.#leave(head)
    this.#touchOnce(session)
    const contents = contentsOf(session)
    const carries = this.#wantsCookie(session, contents)
    const conclude = (alive: boolean): void => {
      if (alive && carries) sendCookie(head, this.#req, session, this.#context)
    }
    if (this.#failed?.told() === true && shows(this.#failed, session.id, contents)) return undefined
    if (this.#shouldSave(session, contents)) return using(this.#save(session, contents), conclude)
    if (!this.#isReturning() || this.#stored === null) return conclude(true)
    return using(this.#touch(session, this.#stored, carries), conclude)
  }

  /** An error page goes out even if the session cannot be saved: a failure on top of it would hide it. */
  #tolerate(error: unknown): void {
    if (this.#res.statusCode < 500) throw error
    this.#context.report({ type: 'store-failure', operation: 'set', error })
  }

  /** There is no session any more: so says the store, and so should the browser. */
  #leave(head: NodeResponse): Maybe<void> {
    const { policy, presented } = this.#context
    const forget = (): void => {
      if (!this.#destroyed || presented === null || this.#cookie === null) return
      appendCookie(head, removal(policy.name, this.#cookie))
    }
    return this.#isUnset() ? using(this.#destroy(this.#req.sessionID as string), forget) : forget()
  }

  #isUnset(): boolean {
    const { session, sessionID } = this.#req
    if (this.#context.policy.unset !== 'destroy' || this.#destroyed) return false
    return session == null && typeof sessionID === 'string'
  }

  async #reload(sid: string): Promise<void> {
    const record = await this.#context.keeper.read(sid)
    if (record === null) throw new Error('failed to load session')
    this.inflate(sid, record)
  }

  #settleRest(): Maybe<void> {
    const session = currentSession(this.#req)
    if (session === null) return this.#isUnset() ? this.#destroy(this.#req.sessionID as string) : undefined
    const contents = contentsOf(session)
    if (!this.#shouldSave(session, contents)) return undefined
    if (this.#stored?.id === session.id) return using(this.#save(session, contents), () => undefined)
    // The head has gone without a cookie: nobody could ever come back to this session.
    return this.#context.report({ type: 'withheld', id: null, change: 'create' })
  }
}
