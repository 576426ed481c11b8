import { check } from '../errors.ts'
import { parseDuration, type Duration } from '../session/lifetime.ts'
import { isAtomic, isUserIndexed, type Store } from '../store/store.ts'
import { checkNames, isFunction, readOptions, type ManagerOptions, type Policy } from './options.ts'

/** Options of {@link createSessionManager}. */
export interface SessionManagerOptions<Data extends object> extends ManagerOptions<Data> {
  /** Keeps the records. */
  readonly store: Store
  /** How many sessions one user may have (default: any number). The store has to be atomic and to index users. */
  readonly maxSessions?: MaxSessions
  /** Answers reads from a snapshot in a second cookie for a while, without asking the store (default: asks it each time). */
  readonly cache?: CacheOptions
}

/** A limit to the sessions of one user, and what a login beyond it does (ASVS 7.1.2). */
export interface MaxSessions {
  /** At least 1. */
  readonly limit: number
  /** `'reject'` refuses the login; `'evict-oldest'` ends the session that began first. */
  readonly onLimit: 'reject' | 'evict-oldest'
}

/** How snapshots are kept. */
export interface CacheOptions {
  /**
   * How long a snapshot serves: `'60s'`. For so long, a session that was ended or changed elsewhere goes on here as it
   * was; `load(request, { fresh: true })` asks the store all the same. At most half of `lifetime.idle`.
   */
  readonly for: Duration
}

/** The options, checked and made into parts. */
export interface StorePolicy extends Policy {
  readonly store: Store
  readonly maxSessions: MaxSessions | null
  /** How long a snapshot serves, in milliseconds; 0 without. */
  readonly cacheFor: number
}

const more: readonly (keyof SessionManagerOptions<object>)[] = ['store', 'maxSessions', 'cache']
const knownOfMaxSessions: readonly (keyof MaxSessions)[] = ['limit', 'onLimit']
const knownOfCache: readonly (keyof CacheOptions)[] = ['for']

/** Checks the options; throws `ERR_SESSION_CONFIG` naming the first that is wrong. */
export function readStoreOptions<Data extends object>(options: SessionManagerOptions<Data>): StorePolicy {
  const policy = readOptions(options, more)
  const { cache = null, maxSessions = null, store } = options
  // A Map has methods of these names, but they give no promises and keep records for ever.
  const isStore = [store?.get, store?.set, store?.delete].every(isFunction) && !(store instanceof Map)
  check(isStore, 'store', 'must have get, set and delete, like memoryStore()')
  // Without it, each of the requests that run at once would give the session another id.
  const renewable = policy.lifetime.renewEvery === Infinity || isAtomic(store)
  check(renewable, 'lifetime.renewEvery', 'needs a store with compareAndSet; call rotate() instead')
  checkMaxSessions(maxSessions, store)
  return { ...policy, store, maxSessions, cacheFor: cache === null ? 0 : readCache(cache, policy) }
}

function checkMaxSessions(maxSessions: MaxSessions | null, store: Store): void {
  if (maxSessions === null) return
  checkNames(maxSessions, 'maxSessions', knownOfMaxSessions)
  const { limit, onLimit } = maxSessions
  check(
    Number.isInteger(limit) && limit > 0,
    'maxSessions.limit',
    'must be a whole number of sessions, at least 1',
  )
  check(
    /^(?:reject|evict-oldest)$/.test(onLimit),
    'maxSessions.onLimit',
    "must be 'reject' or 'evict-oldest'",
  )
  check(
    isAtomic(store) && isUserIndexed(store),
    'maxSessions',
    'needs a store with compareAndSet and listByUser',
  )
}

function readCache(cache: CacheOptions, { lifetime }: Policy): number {
  checkNames(cache, 'cache', knownOfCache)
  const span = parseDuration(cache.for, 'cache.for')
  check(span >= 1000, 'cache.for', "must be at least '1s': browsers count in seconds")
  // Visits are recorded when the store is asked, which must be often enough to keep the session alive.
  check(span <= lifetime.idle / 2, 'cache.for', 'must be at most half of lifetime.idle')
  return span
}
