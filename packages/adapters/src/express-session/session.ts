import type { Cookie } from './cookie.ts'
import { attempt } from './maybe.ts'

/** Called when the work is done; with the error, if it failed. */
export type SessionCallback = (error?: unknown) => void

/** Whether the caller has asked to be told of a failure, by a callback or by looking at the promise. */
export type Told = () => boolean

/** What the methods of a session do for the request that it belongs to. */
export interface SessionActions {
  /** Writes what was changed. */
  save(session: Session, told: Told): Promise<void>
  /** Puts a new session with what is stored on the request. */
  reload(session: Session): Promise<void>
  /** Takes the session off the request, at once, then out of the store. */
  destroy(session: Session, told: Told): Promise<void>
  /** Ends the session and puts a new, empty one on the request. */
  regenerate(session: Session, told: Told): Promise<void>
}

/** What a session needs to know of its request. */
export interface SessionOwner {
  sessionID?: unknown
  session?: Session | null | undefined
  sessionStore?: object | undefined
  [actionsOf]?: SessionActions
}

/** The part of a store that a session without middleware of ours needs. */
interface OwnerStore {
  get(sid: string, callback: (error: unknown, data?: object | null) => void): unknown
  set(sid: string, session: Session, callback: SessionCallback): unknown
  destroy(sid: string, callback: SessionCallback): unknown
  regenerate(req: SessionOwner, callback: SessionCallback): unknown
  createSession(req: SessionOwner, data: object): unknown
}

/** On the request itself: an entry of a WeakMap for each of them keeps the garbage collector busier than all the rest. */
const actionsOf: unique symbol = Symbol('coatcheck.sessionActions')

/** Tells what the sessions of a request do when their methods are called. */
export function setSessionActions(req: SessionOwner, actions: SessionActions): void {
  req[actionsOf] = actions
}

/**
 * A session as handlers see it: the data are its own properties. Each method that talks to the store calls the
 * callback that it is given and returns the session; without one it returns a promise.
 */
export class Session {
  [key: string]: unknown
  /** The id under which the store has the session; cannot be changed. */
  declare readonly id: string
  declare readonly req: SessionOwner
  declare cookie: Cookie

  /** @param data What the session holds; keys that are names of its members are left out. */
  constructor(req: SessionOwner, data?: object | null) {
    Object.defineProperty(this, 'req', { value: req })
    Object.defineProperty(this, 'id', { value: req.sessionID })
    if (typeof data !== 'object' || data === null) return
    for (const key in data) {
      if (!(key in this)) this[key] = (data as Readonly<Record<string, unknown>>)[key]
    }
  }

  /** Begins the life of the session anew, as each request does by itself. */
  touch(): this {
    return this.resetMaxAge()
  }

  resetMaxAge(): this {
    this.cookie.maxAge = this.cookie.originalMaxAge
    return this
  }

  /** Writes the session now instead of with the response. */
  save(): Promise<void>
  save(callback: SessionCallback | undefined): this
  save(callback?: SessionCallback): this | Promise<void> {
    return settle(this, 'save', callback)
  }

  /** Reads the session anew: afterwards `req.session` is a new object. Fails when the record has gone. */
  reload(): Promise<void>
  reload(callback: SessionCallback | undefined): this
  reload(callback?: SessionCallback): this | Promise<void> {
    return settle(this, 'reload', callback)
  }

  /** Ends the session. `req.session` is gone when this returns, the record when it has settled. */
  destroy(): Promise<void>
  destroy(callback: SessionCallback | undefined): this
  destroy(callback?: SessionCallback): this | Promise<void> {
    return settle(this, 'destroy', callback)
  }

  /** Ends the session and begins a new, empty one under another id, which is `req.session` afterwards. */
  regenerate(): Promise<void>
  regenerate(callback: SessionCallback | undefined): this
  regenerate(callback?: SessionCallback): this | Promise<void> {
    return settle(this, 'regenerate', callback)
  }
}

function settle<Self extends Session>(
  session: Self,
  action: keyof SessionActions,
  callback: SessionCallback | undefined,
): Self | Promise<void> {
  const actions = session.req[actionsOf] ?? storeActions
  let told = typeof callback === 'function'
  const work = attempt(() => actions[action](session, () => told))
  if (typeof callback !== 'function') {
    // Nobody has to look at the promise.
    work.catch(() => {})
    return new NotingPromise(work, () => (told = true))
  }
  // On the next tick, out of the promise: what the callback throws is an uncaught exception, as in express-session.
  work.then(
    () => process.nextTick(callback),
    (error: unknown) => process.nextTick(callback, error),
  )
  return session
}

/** For a session that a store has made by itself: what express-session does. */
const storeActions: SessionActions = {
  save: (session) => called((done) => storeOf(session).set(session.id, session, done)),
  async reload(session) {
    const store = storeOf(session)
    const data = await new Promise<object | null | undefined>((resolve, reject) => {
      store.get(session.id, (error, data) => (error ? reject(error) : resolve(data)))
    })
    if (!data) throw new Error('failed to load session')
    store.createSession(session.req, data)
  },
  destroy(session) {
    const store = storeOf(session)
    delete session.req.session
    return called((done) => store.destroy(session.id, done))
  },
  regenerate: (session) => called((done) => storeOf(session).regenerate(session.req, done)),
}

function storeOf(session: Session): OwnerStore {
  const store = session.req.sessionStore
  if (store === undefined)
    throw new TypeError('req.sessionStore is missing: this session belongs to no store.')
  return store as OwnerStore
}

function called(method: (done: SessionCallback) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    method((error) => (error ? reject(error) : resolve()))
  })
}

/** A promise that notes when somebody looks at it. `await` looks at any promise that is not of the built-in class. */
class NotingPromise extends Promise<void> {
  static override readonly [Symbol.species] = Promise
  readonly #note: () => void

  constructor(work: Promise<void>, note: () => void) {
    super((resolve, reject) => void work.then(resolve, reject))
    this.#note = note
    super.then(undefined, () => {})
  }

  // oxlint-disable-next-line unicorn/no-thenable -- A promise has it; this one listens.
  override then<Result = void, Failure = never>(
    ...handlers: Parameters<Promise<void>['then']>
  ): Promise<Result | Failure> {
    this.#note()
    return super.then(...handlers) as Promise<Result | Failure>
  }
}
