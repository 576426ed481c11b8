import type { ExecutionContext } from 'hono'
import type { Context, Server } from './visits.ts'

/** How an application is called by its runtime. */
type Fetch = (request: Request, env?: object, context?: ExecutionContext) => Response | Promise<Response>

/** The application as a server, with no bindings. */
export function serverOf(fetch: Fetch): Server {
  return async (request, context) => fetch(request, {}, context && executionContext(context))
}

function executionContext(context: Context): ExecutionContext {
  return { waitUntil: (promise) => context.waitUntil(promise), passThroughOnException() {}, props: {} }
}
