// The bindings of the workerd test project in vitest.config.ts.
declare namespace Cloudflare {
  interface Env {
    readonly SESSIONS: KVNamespace
    readonly DB: D1Database
  }
}
