import type { SessionId, Store, StoredRecord } from '@coatcheck/core'
import { checkTimeout, lateCall, within } from './time-limit.ts'

/** The part of an unstorage `Storage` that is used. */
export interface UnstorageLike {
  getItem(key: string): Promise<unknown>
  setItem(key: string, value: UnstorageItem, options: { ttl: number }): Promise<void>
  removeItem(key: string): Promise<void>
  getMount?(key: string): {
    readonly driver: { readonly setItem?: unknown; readonly name?: string | undefined }
  }
}

/** What lies under a key: the record, as an object, since unstorage would take some texts for numbers or objects. */
export type UnstorageItem = { [Property in keyof StoredRecord]: StoredRecord[Property] }

/** Options of {@link unstorageStore}. */
export interface UnstorageStoreOptions {
  /** Stands before each key (default `'session:'`). It also chooses the mount. */
  readonly prefix?: string
  /** Say `'eventual'` when the driver may not see a write at once, as with Workers KV (default: it does). */
  readonly consistency?: 'eventual'
  /** How long a call may take, in milliseconds (default 2000). */
  readonly timeout?: number
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** Whatever the driver, unstorage offers no conditional write and no index: the store is last-write-wins. */
export interface UnstorageStore extends Store {
  readonly consistency?: 'eventual'
}

/** Clocks differ by seconds; a driver that forgets by itself does so a little later. In seconds. */
const slack = 60

/**
 * A store over any driver of unstorage. Parallel changes may be lost, and a slow request may bring an ended session
 * back; where there is a choice, take the store of this package for your database, which has neither fault.
 */
export function unstorageStore(storage: UnstorageLike, options: UnstorageStoreOptions = {}): UnstorageStore {
  const { consistency, now = Date.now, prefix = 'session:', timeout = 2000 } = options
  checkPrefix(prefix)
  checkTimeout(timeout, 'unstorageStore')
  checkStorage(storage, prefix)
  const keyOf = (id: SessionId): string => prefix + nameOf(id)
  const call = async <Result>(doing: string, work: () => Promise<Result>): Promise<Result> => {
    try {
      return await within(timeout, lateCall('The call', timeout), work())
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`unstorage could not ${doing} a session: ${reason}`, { cause })
    }
  }
  return {
    ...(consistency === undefined ? {} : { consistency }),
    async get(id) {
      const item = await call('read', () => storage.getItem(keyOf(id)))
      if (item === null || item === undefined) return null
      const record = recordOf(item, keyOf(id))
      return record.expiresAt > now() ? record : null
    },
    async set(id, { expiresAt, payload, userId, version }) {
      const ttl = Math.max(0, Math.ceil((expiresAt - now()) / 1000)) + slack
      const item = { payload, expiresAt, userId, version }
      await call('write', () => storage.setItem(keyOf(id), item, { ttl }))
    },
    async delete(id) {
      await call('remove', () => storage.removeItem(keyOf(id)))
    },
  }
}

/** In lower case: where keys become files on macOS or Windows, two ids that differ in case only would be one. */
function nameOf(id: SessionId): string {
  return Array.from(id, (character) => character.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}

function recordOf(item: unknown, key: string): StoredRecord {
  const { expiresAt, payload, userId, version } = Object(item) as Partial<StoredRecord>
  const isUser = userId === null || typeof userId === 'string'
  if (typeof payload === 'string' && typeof expiresAt === 'number' && typeof version === 'number' && isUser) {
    return { payload, expiresAt, userId, version }
  }
  throw new Error(`The unstorage item ${key} holds something else; give the sessions a prefix of their own.`)
}

function checkPrefix(prefix: string): void {
  const isPlain = /^(?!:)[\w.:-]*$/.test(prefix) && !prefix.includes('::')
  // unstorage rewrites other keys, and refuses segments of dots.
  if (isPlain && !prefix.split(':').some((part) => /^\.+$/.test(part))) return
  throw new Error(
    `The option prefix of unstorageStore is ${JSON.stringify(prefix)}; use letters, digits, "_", "-" and ".", with single ":" between the parts.`,
  )
}

function checkStorage(storage: UnstorageLike, prefix: string): void {
  const { getItem, getMount, removeItem, setItem } = Object(storage) as Partial<UnstorageLike>
  if (![getItem, setItem, removeItem].every((method) => typeof method === 'function')) {
    throw new Error('unstorageStore needs a storage of unstorage: unstorageStore(createStorage({ driver })).')
  }
  if (typeof getMount !== 'function') return
  // unstorage drops what is written to a driver that cannot write, without a word.
  const { driver } = storage.getMount!(prefix)
  if (typeof driver.setItem === 'function') return
  throw new Error(
    `The unstorage driver ${driver.name ?? ''} at ${JSON.stringify(prefix)} cannot write; mount one that can.`,
  )
}
