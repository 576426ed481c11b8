/// <reference types="node" />
import { EventEmitter } from 'node:events'
import { Cookie, type CookieData } from './cookie.ts'
import { Session, type SessionOwner } from './session.ts'

/** What a store calls when it is done. */
export type StoreCallback<Value = never> = (error?: unknown, value?: Value | null) => void

/** What a store keeps of a session: the data, and the cookie's settings beside them. */
export interface SessionRecord {
  /** From JSON, `expires` is a text. */
  cookie: Partial<CookieData>
  [key: string]: unknown
}

/** A store as express-session wants it. */
export interface ExpressStore {
  /** Gives no record, or the error code `ENOENT`, when there is none. */
  get(sid: string, callback: StoreCallback<SessionRecord>): unknown
  set(sid: string, session: SessionRecord, callback?: StoreCallback): unknown
  destroy(sid: string, callback?: StoreCallback): unknown
  /** Begins the life of a record anew without writing its data. */
  touch?(sid: string, session: SessionRecord, callback?: StoreCallback): unknown
  all?(callback: StoreCallback<readonly SessionRecord[] | Readonly<Record<string, SessionRecord>>>): unknown
  length?(callback: StoreCallback<number>): unknown
  clear?(callback?: StoreCallback): unknown
  /** Makes the session of a record and puts it on the request. */
  createSession?(req: SessionOwner, data: SessionRecord): unknown
  /** Gives the request a new session; the middleware puts it here. */
  generate?(req: SessionOwner): void
  on(event: string, listener: () => void): unknown
}

/**
 * Any store as its package declares it: each has a type of its own for sessions, which the application may have
 * augmented, and no two of them agree.
 */
export interface AnyExpressStore {
  get(sid: string, callback: never): unknown
  set(sid: string, session: never, callback?: never): unknown
  destroy(sid: string, callback?: never): unknown
  on(event: string, listener: () => void): unknown
}

/** What stores inherit. `get`, `set` and `destroy` are theirs to write. */
export interface Store extends EventEmitter {
  /** Ends the session of a request and gives it a new one; the callback gets the error of the ending, if there was one. */
  regenerate(req: SessionOwner, callback?: StoreCallback): void
  /** Makes the session of an id, outside of any request; none when there is no record. */
  load(sid: string, callback: StoreCallback<Session>): void
  /** Makes the session of a record and puts it on the request. */
  createSession(req: SessionOwner, data: SessionRecord): Session
  /** Gives the request a new session; the middleware puts it here. */
  generate?(req: SessionOwner): void
}

/** To be extended by `class`, or called in the constructor of a function that inherits its prototype. */
export interface StoreConstructor {
  new (options?: unknown): Store
  (this: unknown, options?: unknown): void
  readonly prototype: Store
}

/** A plain function and no class: most stores on npm inherit by `Store.call(this, options)`, which a class refuses. */
export const Store: StoreConstructor = function Store(this: Store): void {
  EventEmitter.call(this)
} as StoreConstructor

Object.setPrototypeOf(Store.prototype, EventEmitter.prototype)
Object.assign(Store.prototype, { regenerate, load, createSession })

/** Whether what a store gave can be made a session: an object with a cookie. */
export function isSessionRecord(value: unknown): value is SessionRecord {
  const cookie = isObject(value) && 'cookie' in value ? value.cookie : null
  return isObject(cookie)
}

/**
 * How to make the sessions of a store: by its own `createSession`, if it has one. Most stores from npm inherit that of
 * the express-session of their package; what it makes would go past the middleware, so a session of ours takes its place.
 */
export function createSessionOf(store: ExpressStore): (req: SessionOwner, data: SessionRecord) => Session {
  return (req, data) => {
    if (store.createSession === undefined) return createSession(req, data)
    const former = req.session
    const made = store.createSession(req, data) ?? req.session
    if (made instanceof Session && made !== former) return made
    return createSession(req, isSessionRecord(made) ? made : data)
  }
}

function createSession(req: SessionOwner, data: SessionRecord): Session {
  const session = new Session(req, { ...data, cookie: restoreCookie(data.cookie) })
  req.session = session
  return session
}

/** A cookie from JSON; a new one where the record has none. */
export function restoreCookie(data: SessionRecord['cookie'] | undefined): Cookie {
  if (!isObject(data)) return new Cookie()
  const cookie = new Cookie(data)
  const { expires } = data
  if (expires !== undefined) cookie.expires = typeof expires === 'string' ? new Date(expires) : expires
  // Setting expires has made it the rest of the life.
  cookie.originalMaxAge = data.originalMaxAge
  return cookie
}

function regenerate(this: Store & ExpressStore, req: SessionOwner, callback?: StoreCallback): void {
  this.destroy(req.sessionID as string, (error) => {
    if (this.generate === undefined) {
      callback?.(new TypeError('This store makes no sessions yet: give it to session() as its option store.'))
      return
    }
    this.generate(req)
    callback?.(error)
  })
}

function load(this: Store & ExpressStore, sid: string, callback: StoreCallback<Session>): void {
  this.get(sid, (error, data) => {
    if (error) return callback(error)
    if (!data) return callback()
    let session: Session
    try {
      session = this.createSession({ sessionID: sid, sessionStore: this }, data)
    } catch (failure) {
      return callback(failure)
    }
    callback(null, session)
  })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
