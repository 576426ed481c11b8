import type { SessionId, Store, StoredRecord } from '@coatcheck/core'

/** The part of a Workers KV namespace that is used. */
export interface KvNamespace {
  get(key: string): Promise<string | null>
  put(key: string, value: string, options: { expirationTtl: number }): Promise<void>
  delete(key: string): Promise<void>
}

/** Options of {@link kvStore}. */
export interface KvStoreOptions {
  /** Stands before each id (default `'session:'`). */
  readonly prefix?: string
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** Workers KV is last-write-wins, and a write may take a minute to be seen at other places. */
export interface KvStore extends Store {
  readonly consistency: 'eventual'
}

/** KV refuses shorter lives, in seconds. Core ends sessions on time all the same. */
const shortestTtl = 60

/**
 * A store over Workers KV: good for preferences and carts that are read near the visitor. KV cannot write on a
 * condition, so parallel changes may be lost, and a session that was ended may live on elsewhere for a minute.
 */
export function kvStore(namespace: KvNamespace, options: KvStoreOptions = {}): KvStore {
  const { now = Date.now, prefix = 'session:' } = options
  return {
    consistency: 'eventual',
    async get(id) {
      const text = await namespace.get(prefix + id)
      if (text === null) return null
      const record = parseRecord(text, id)
      return record.expiresAt > now() ? record : null
    },
    async set(id, { expiresAt, payload, userId, version }) {
      const expirationTtl = Math.max(shortestTtl, Math.ceil((expiresAt - now()) / 1000))
      await namespace.put(prefix + id, JSON.stringify({ payload, expiresAt, userId, version }), {
        expirationTtl,
      })
    },
    async delete(id) {
      await namespace.delete(prefix + id)
    },
  }
}

function parseRecord(text: string, id: SessionId): StoredRecord {
  const record = parseJson(text)
  if (typeof record?.payload === 'string' && typeof record.expiresAt === 'number') return record
  throw new Error(
    `The KV entry of session ${id} holds something else; give the sessions a prefix of their own.`,
  )
}

function parseJson(text: string): StoredRecord | null {
  try {
    return JSON.parse(text) as StoredRecord | null
  } catch {
    return null
  }
}
