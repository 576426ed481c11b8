import { durableObjectStore } from '@coatcheck/adapters/durable-object'
import { kvStore } from '@coatcheck/adapters/kv'
import { createSessionManager, type OnEvent, type SessionManager } from '@coatcheck/core'
import { createCookieSessionManager, revocationStore, type Revocation } from '@coatcheck/core/cookie-session'
import type { Cart } from './cart.ts'
import { record } from './logbook.ts'
import type { Mode } from './mode.ts'
import { counted } from './usage.ts'

/** The bindings of the Worker. */
export interface Env {
  /** Keeps the sessions of `store` and `hybrid`. */
  readonly SESSIONS: KVNamespace
  /** Keeps which sessions of `cookie` have ended. */
  readonly REVOCATIONS: DurableObjectNamespace
  readonly SESSION_SECRET: string
  /** `store`, `cookie` or `hybrid` (default `store`). */
  readonly SESSION_MODE?: string
}

/** What the demo keeps for a visitor. */
export interface DemoData {
  visits: number
  cart: Cart
  notice: Notice
}

/** A sentence for the next page, kept by `flash`. */
export interface Notice {
  readonly tone: 'done' | 'refused'
  readonly text: string
}

/** All there is to set up: a secret, how long a session may live, and a place to keep it. The application is the same for all three. */
export function createSessions(env: Env, mode: Mode, onEvent: OnEvent = record): SessionManager<DemoData> {
  const options = {
    secrets: [env.SESSION_SECRET],
    lifetime: { idle: '30m', absolute: '7d' },
    onEvent,
  } as const
  const store = counted(kvStore(env.SESSIONS))
  switch (mode) {
    case 'store':
      return createSessionManager({ ...options, store })
    case 'hybrid':
      return createSessionManager({ ...options, store, cache: { for: '60s' } })
    case 'cookie':
      return createCookieSessionManager({ ...options, revocation: createRevocation(env, onEvent) })
  }
}

/** Ends sealed sessions. It has to write on a condition, which KV cannot. */
export function createRevocation(env: Env, onEvent: OnEvent = record): Revocation {
  return revocationStore(counted(durableObjectStore(env.REVOCATIONS)), { onEvent })
}
