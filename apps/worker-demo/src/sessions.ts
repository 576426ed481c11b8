import { createSessionManager, type OnEvent, type SessionManager } from '@coatcheck/core'
import { kvStore } from '@coatcheck/adapters/kv'
import type { Cart } from './cart.ts'
import { record } from './logbook.ts'

/** The bindings of the Worker. */
export interface Env {
  readonly SESSIONS: KVNamespace
  readonly SESSION_SECRET: string
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

/** All there is to set up: a secret, a place to keep the records, and how long a session may live. */
export function createSessions(env: Env, onEvent: OnEvent = record): SessionManager<DemoData> {
  return createSessionManager<DemoData>({
    secrets: [env.SESSION_SECRET],
    store: kvStore(env.SESSIONS),
    lifetime: { idle: '30m', absolute: '7d' },
    onEvent,
  })
}
