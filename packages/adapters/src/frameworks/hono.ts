import {
  SessionError,
  type CommitOptions,
  type LoadOptions,
  type Session,
  type SessionHeaders,
  type SessionManager,
} from '@coatcheck/core'
import type { Context, MiddlewareHandler } from 'hono'
import { nodeResponseOf } from '#node-response'
import { describingHeaders } from './describing-headers.ts'
import { managerFinder, type ManagerSource } from './manager-source.ts'

/** The variables that {@link session} sets. */
export interface SessionVariables<Data extends object> {
  session: Session<Data>
}

/** The variables that {@link lazySession} sets. */
export interface LazySessionVariables<Data extends object> {
  /** Loads the session when it is first called; later calls give the same one. */
  session: () => Promise<Session<Data>>
}

/**
 * Hono middleware: loads the session into `c.var.session`, and commits it before the response is sent. Error
 * responses commit too; after a throw nothing is written. Mount it outside `etag()`, whose 304 would drop the cookie.
 * On `@hono/node-server` the cookie goes out with the head that Node writes; `c.res` does not show it.
 *
 * @param source The manager, or a function that makes it from the bindings.
 * @param options With `fresh`, these routes go past a snapshot to the store.
 * @example
 * const app = new Hono().use(session(sessions))
 * app.get('/', (c) => c.text(`Hello ${c.var.session.userId ?? 'stranger'}`))
 */
export function session<Data extends object, Bindings extends object = object>(
  source: ManagerSource<Data, Bindings>,
  options?: LoadOptions,
): MiddlewareHandler<{ Bindings: Bindings; Variables: SessionVariables<Data> }> {
  const managerFor = managerFinder(source)
  return async function session(c, next) {
    assertMountedOnce(c)
    const manager = managerFor(c.env)
    const loading = manager.now.load(c.req.raw, options)
    const loaded = loading instanceof Promise ? await loading : loading
    c.set('session', loaded)
    await next()
    const concluding = conclude(c, manager, loaded)
    if (concluding !== undefined) await concluding
  }
}

/**
 * Hono middleware like {@link session}, for applications whose routes mostly need none: `await c.var.session()`
 * loads it. A route that never calls it costs nothing: cookie, store and response stay untouched.
 */
export function lazySession<Data extends object, Bindings extends object = object>(
  source: ManagerSource<Data, Bindings>,
  options?: LoadOptions,
): MiddlewareHandler<{ Bindings: Bindings; Variables: LazySessionVariables<Data> }> {
  const managerFor = managerFinder(source)
  return async function lazySession(c, next) {
    assertMountedOnce(c)
    const manager = managerFor(c.env)
    const visit = new LazyVisit(manager, c.req, options)
    c.set('session', visit.load.bind(visit))
    await next()
    const loaded = await visit.end()
    if (loaded !== undefined) await conclude(c, manager, loaded)
  }
}

/** A session that may be asked for. A class, because V8 keeps what closures refer to longer than each request needs it. */
class LazyVisit<Data extends object> {
  readonly #manager: SessionManager<Data>
  readonly #req: { readonly raw: Request }
  readonly #options: LoadOptions | undefined
  #loading: Promise<Session<Data>> | undefined
  #over = false

  constructor(manager: SessionManager<Data>, req: { readonly raw: Request }, options?: LoadOptions) {
    this.#manager = manager
    this.#req = req
    this.#options = options
  }

  load(): Promise<Session<Data>> {
    return (this.#loading ??= this.#load())
  }

  /** @returns What has been loaded, if anything. A load that failed was the handler's to deal with. */
  end(): Promise<Session<Data> | undefined> | undefined {
    this.#over = true
    return this.#loading?.catch(() => undefined)
  }

  async #load(): Promise<Session<Data>> {
    const loaded = await this.#manager.load(this.#req.raw, this.#options)
    // Called while the body streams: too late to write, so writing must say so.
    if (this.#over) this.#manager.discard(loaded)
    return loaded
  }
}

/** Ends a visit, with a promise only where the commit has to wait. */
function conclude<Data extends object>(
  c: Context,
  manager: SessionManager<Data>,
  session: Session<Data>,
): Promise<void> | void {
  // Hono makes a response of what a handler throws before it returns here.
  if (c.error) return replace(c, manager.discard(session).applied(c.res))
  try {
    const headers = manager.now.commit(session, new Surroundings(c))
    if (headers instanceof Promise) return concludeLater(c, headers)
    replace(c, headers.applied(c.res, nodeResponseOf(c.env)))
  } catch (error) {
    giveUp(c)
    throw error
  }
}

async function concludeLater(c: Context, committing: Promise<SessionHeaders>): Promise<void> {
  try {
    const headers = await committing
    replace(c, headers.applied(c.res, nodeResponseOf(c.env)))
  } catch (error) {
    giveUp(c)
    throw error
  }
}

/** Hono builds the error page on the headers of the response, and they describe one that is given up. */
function giveUp(c: Context): void {
  const headers = new Headers(c.res.headers)
  for (const name of describingHeaders) headers.delete(name)
  replace(c, new Response(null, { headers }))
}

function replace(c: Context, response: Response): void {
  if (response === c.res) return
  // Otherwise Hono would copy the former response's headers over these.
  c.res = undefined
  c.res = response
}

/** What the commit may ask for. A class, and not an object literal, for the reason that `LazyVisit` is one. */
class Surroundings implements CommitOptions {
  readonly #c: Context

  constructor(c: Context) {
    this.#c = c
  }

  get status(): number {
    return this.#c.res.status
  }

  /** Where there is no such context, Hono throws, and errors are slow to make. */
  get waitUntil(): CommitOptions['waitUntil'] {
    try {
      const context = this.#c.executionCtx
      return (promise) => context.waitUntil(promise)
    } catch {
      return undefined
    }
  }
}

function assertMountedOnce(c: Context): void {
  if (c.get('session') === undefined) return
  throw new SessionError(
    'ERR_SESSION_CONFIG',
    'c.var.session is set already: the session middleware is mounted twice, or another one uses its name.',
  )
}
