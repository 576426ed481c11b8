import { SessionObject, type SessionObjectState } from '@coatcheck/adapters/durable-object'

/** Bindings of the Worker in this process, which say what is asked of them. */
export interface CountingBindings {
  readonly SESSIONS: object
  readonly REVOCATIONS: object
  readonly SESSION_SECRET: string
  readonly SESSION_MODE: string
}

/** What was asked, as methods of a store are called. */
type Asked = 'get' | 'set' | 'delete' | 'compareAndSet'

/** Makes bindings whose every call goes into `asked`. */
export function countingBindings(mode: string, asked: Asked[]): CountingBindings {
  const entries = new Map<string, string>()
  const objects = new Map<string, SessionObject>()
  const SESSIONS = {
    get: async (key: string) => (asked.push('get'), entries.get(key) ?? null),
    put: async (key: string, value: string) => (asked.push('set'), void entries.set(key, value)),
    delete: async (key: string) => (asked.push('delete'), void entries.delete(key)),
  }
  const REVOCATIONS = {
    idFromName: (name: string) => name,
    get: (name: string) => ({
      fetch(url: string, init: RequestInit) {
        asked.push(url.endsWith('/read') ? 'get' : 'compareAndSet')
        if (!objects.has(name)) objects.set(name, new SessionObject(emptyState()))
        return objects.get(name)!.fetch(new Request(url, init))
      },
    }),
  }
  return {
    SESSIONS,
    REVOCATIONS,
    SESSION_SECRET: 'kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8',
    SESSION_MODE: mode,
  }
}

function emptyState(): SessionObjectState {
  const values = new Map<string, unknown>()
  return {
    storage: {
      kv: {
        get: (key) => values.get(key),
        put: (key, value) => void values.set(key, value),
        delete: (key) => values.delete(key),
        list: ({ prefix }) => [...values].filter(([key]) => key.startsWith(prefix)),
      },
      getAlarm: async () => null,
      setAlarm: async () => {},
      deleteAlarm: async () => {},
      deleteAll: async () => values.clear(),
    },
  }
}
