import { createRequire } from 'node:module'
import { nodeServer, type Listener } from './node-server.ts'
import type { Server } from './visits.ts'

type Fetch = (request: Request, bindings: object) => Response | Promise<Response>

// It is a dependency of the adapters, and of nothing above them.
const { getRequestListener } = createRequire(
  new URL('../../packages/adapters/package.json', import.meta.url),
)('@hono/node-server') as {
  getRequestListener(fetch: Fetch, options: { overrideGlobalObjects: boolean }): Listener
}

/** An application of Hono as a server of Node. The runtime's `Request` and `Response` stay what they are. */
export function honoNodeServer(fetch: Fetch, overrideGlobalObjects = false): Server {
  return nodeServer(getRequestListener(fetch, { overrideGlobalObjects }))
}
