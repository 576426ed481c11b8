import { SessionError, StepUpError, type Session, type SessionManager } from '@coatcheck/core'
import { managerFinder, type ManagerSource } from './manager-source.ts'

/** What a Worker's `fetch` gets as its third argument. */
export interface FetchContext {
  waitUntil(promise: Promise<unknown>): void
}

/** What a handler answers; nothing where its runtime has taken the connection over, as Bun's `server.upgrade` does. */
type Answer = Response | undefined

/**
 * Wraps a handler for `fetch` of Workers, `Deno.serve` or `Bun.serve`: the session is loaded before it and
 * committed before the response is sent. A handler that throws commits nothing.
 *
 * @param source The manager, or a function that makes it from a Worker's bindings.
 * @param handler Gets the request, the session, and whatever else its runtime passes on.
 * @example
 * export default {
 *   fetch: withSession(sessions, (request, session) => new Response(`Hello ${session.userId ?? 'stranger'}`)),
 * }
 */
export function withSession<Data extends object, Rest extends readonly unknown[], Result extends Answer>(
  source: SessionManager<Data>,
  handler: (request: Request, session: Session<Data>, ...rest: Rest) => Result | Promise<Result>,
): (request: Request, ...rest: Rest) => Promise<Response | Result>
export function withSession<Data extends object, Env, Result extends Answer, Context = FetchContext>(
  source: (env: Env) => SessionManager<Data>,
  handler: (request: Request, session: Session<Data>, env: Env, context: Context) => Result | Promise<Result>,
): (request: Request, env: Env, context: Context) => Promise<Response | Result>
export function withSession<Data extends object>(
  source: ManagerSource<Data, unknown>,
  handler: (request: Request, session: Session<Data>, ...rest: unknown[]) => Answer | Promise<Answer>,
): (request: Request, ...rest: unknown[]) => Promise<Answer> {
  const managerFor = managerFinder(source)
  return async function fetchWithSession(request, ...rest) {
    const [env, context] = rest
    const manager = managerFor(env)
    const handled = once(manager, request, () =>
      manager.handle(request, (session) => handler(request, session, ...rest), {
        waitUntil: waitUntilOf(context),
      }),
    )
    return handled.catch((error: unknown) => {
      if (error instanceof StepUpError) return error.getResponse()
      throw error
    })
  }
}

/** Which requests a manager is handling; a second handle on one session would answer with a cookie of its own. */
const handled = new WeakMap<object, WeakSet<Request>>()

async function once<Result>(
  manager: object,
  request: Request,
  answer: () => Promise<Result>,
): Promise<Result> {
  const requests = handled.get(manager) ?? new WeakSet()
  if (requests.has(request)) {
    throw new SessionError(
      'ERR_SESSION_CONFIG',
      'withSession is mounted twice: this request has its session already.',
    )
  }
  handled.set(manager, requests.add(request))
  try {
    return await answer()
  } finally {
    requests.delete(request)
  }
}

function waitUntilOf(context: unknown): ((promise: Promise<unknown>) => void) | undefined {
  const { waitUntil } = (context ?? {}) as Partial<FetchContext>
  return typeof waitUntil === 'function' ? (promise) => waitUntil.call(context, promise) : undefined
}
