// The little that the bench uses of peers that have no types of their own.

declare module 'express-session' {
  /** A store of express-session, as far as it is measured. */
  export interface SessionStore {
    get(sid: string, callback: (error: unknown, session?: unknown) => void): void
    set(sid: string, session: unknown, callback: (error?: unknown) => void): void
    all?(callback: (error: unknown, sessions?: unknown) => void): void
    prune?(): void
  }
  const session: {
    (options: object): unknown
    readonly MemoryStore: new () => SessionStore
  }
  export default session
}

declare module 'memorystore' {
  import type session from 'express-session'
  import type { SessionStore } from 'express-session'
  export default function createMemoryStore(from: typeof session): new (options: object) => SessionStore
}

declare module 'cookie-session' {
  export default function cookieSession(options: { name: string; keys: readonly string[] }): unknown
}
