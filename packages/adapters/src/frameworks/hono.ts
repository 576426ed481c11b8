import { SessionError, type LoadOptions, type Session, type SessionManager } from '@coatcheck/core'
import type { Context, MiddlewareHandler } from 'hono'
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
    const loaded = await manager.load(c.req.raw, options)
    c.set('session', loaded)
    await next()
    await conclude(c, manager, loaded)
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
    let loading: Promise<Session<Data>> | undefined
    let over = false
    const load = async (): Promise<Session<Data>> => {
      const loaded = await manager.load(c.req.raw, options)
      // Called while the body streams: too late to write, so writing must say so.
      if (over) manager.discard(loaded)
      return loaded
    }
    c.set('session', () => (loading ??= load()))
    await next()
    over = true
    // A load that failed was the handler's to deal with.
    const loaded = await loading?.catch(() => undefined)
    if (loaded !== undefined) await conclude(c, manager, loaded)
  }
}

async function conclude<Data extends object>(
  c: Context,
  manager: SessionManager<Data>,
  session: Session<Data>,
): Promise<void> {
  // Hono makes a response of what a handler throws before it returns here.
  if (c.error) return replace(c, manager.discard(session).applied(c.res))
  try {
    const headers = await manager.commit(session, { status: c.res.status, waitUntil: waitUntilOf(c) })
    replace(c, headers.applied(c.res))
  } catch (error) {
    // Hono builds the error page on these headers, and they describe a response that is given up.
    const headers = new Headers(c.res.headers)
    for (const name of describingHeaders) headers.delete(name)
    replace(c, new Response(null, { headers }))
    throw error
  }
}

function replace(c: Context, response: Response): void {
  if (response === c.res) return
  // Otherwise Hono would copy the former response's headers over these.
  c.res = undefined
  c.res = response
}

function waitUntilOf(c: Context): ((promise: Promise<unknown>) => void) | undefined {
  try {
    const context = c.executionCtx
    return (promise) => context.waitUntil(promise)
  } catch {
    // Hono throws where the runtime has no such context.
    return undefined
  }
}

function assertMountedOnce(c: Context): void {
  if (c.get('session') === undefined) return
  throw new SessionError(
    'ERR_SESSION_CONFIG',
    'c.var.session is set already: the session middleware is mounted twice, or another one uses its name.',
  )
}
