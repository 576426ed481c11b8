import {
  SessionError,
  type CommitOptions,
  type LoadOptions,
  type Session,
  type SessionManager,
} from '@coatcheck/core'
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
    const own = watchResponses(c)
    const loading = manager.now.load(c.req.raw, options)
    const loaded = loading instanceof Promise ? await loading : loading
    c.set('session', loaded)
    await next()
    await conclude(c, manager, loaded, own)
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
    const own = watchResponses(c)
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
    if (loaded !== undefined) await conclude(c, manager, loaded, own)
  }
}

async function conclude<Data extends object>(
  c: Context,
  manager: SessionManager<Data>,
  session: Session<Data>,
  own: OwnResponse,
): Promise<void> {
  // Hono makes a response of what a handler throws before it returns here.
  if (c.error) return replace(c, manager.discard(session).applied(c.res))
  const { res } = c
  try {
    const committing = manager.now.commit(session, commitOptions(c, res.status))
    const headers = committing instanceof Promise ? await committing : committing
    if (own.made === res && !headers.isPersonal) headers.applyTo(res.headers)
    else replace(c, headers.applied(res))
  } catch (error) {
    // Hono builds the error page on these headers, and they describe a response that is given up.
    const headers = new Headers(c.res.headers)
    for (const name of describingHeaders) headers.delete(name)
    replace(c, new Response(null, { headers }))
    throw error
  }
}

/** The response that the context's own methods have made last. */
interface OwnResponse {
  made: unknown
}

const makers = ['body', 'html', 'json', 'newResponse', 'text'] as const

/**
 * Notes which response the methods of the context make. Nobody else has it yet, so that caching rules may be added to
 * its head in place. Any other may be a constant that the next visitor gets too, and is copied, which
 * @hono/node-server makes dear; and so is what gets a cookie, since handlers may keep what they have made.
 */
function watchResponses(c: Context): OwnResponse {
  const own: OwnResponse = { made: null }
  const methods = c as unknown as Record<(typeof makers)[number], (...args: unknown[]) => unknown>
  for (const name of makers) {
    const make = methods[name]
    methods[name] = (...args) => (own.made = make(...args))
  }
  return own
}

function replace(c: Context, response: Response): void {
  if (response === c.res) return
  // Otherwise Hono would copy the former response's headers over these.
  c.res = undefined
  c.res = response
}

/** Asked for only when it is needed: where there is no such context, Hono throws, and errors are slow to make. */
function commitOptions(c: Context, status: number): CommitOptions {
  return {
    status,
    get waitUntil() {
      return waitUntilOf(c)
    },
  }
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
