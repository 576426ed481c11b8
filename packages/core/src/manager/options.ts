import type { StandardSchemaV1 } from '@standard-schema/spec'
import { createSessionCookies, type CookieOptions, type SessionCookies } from '../cookie/session-cookie.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { check } from '../errors.ts'
import {
  createLifetime,
  parseDuration,
  type Duration,
  type Lifetime,
  type LifetimeOptions,
} from '../session/lifetime.ts'
import { createDataGuard, type DataGuard, type Migrate } from '../session/schema.ts'
import { isAtomic, isUserIndexed, type Store } from '../store/store.ts'
import { safely, type OnEvent } from './events.ts'
import { keyringOf, type SecretsSource } from './key-provider.ts'

/** Options of {@link createSessionManager}. */
export interface SessionManagerOptions<Data extends object> {
  /** Signs the cookies. At least one secret of 32 random bytes; newest first, older ones still verify. Or what loads them from a vault. */
  readonly secrets: SecretsSource
  /** Keeps the records. */
  readonly store: Store
  /** When sessions end (default 24 hours idle, 14 days in all): limits of your own, or `nist.aal1`, `aal2`, `aal3`. */
  readonly lifetime?: LifetimeOptions
  /** How long an id that `rotate` has replaced can still be used, for requests on their way (default `'60s'`, at least `'10s'`). */
  readonly rotationGrace?: Duration
  /** How many sessions one user may have (default: any number). The store has to be atomic and to index users. */
  readonly maxSessions?: MaxSessions
  /** Name and scope of the cookie. */
  readonly cookie?: CookieOptions
  /**
   * A Standard Schema (zod, valibot, arktype, …) that the data fit whenever they are loaded or written. Keys that
   * are not there from the beginning are optional in it, and what it returns it accepts.
   */
  readonly schema?: StandardSchemaV1<unknown, Data>
  /** Brings stored data that no longer fit the schema into its form; null gives them up (default: give them up). */
  readonly migrate?: Migrate<Data>
  /** How many proxies of yours add to `X-Forwarded-Proto` in front of the server (default 0: the header is not read). */
  readonly trustProxy?: number
  /** Receives each decision (default: only a warning when no cookie can be set). */
  readonly onEvent?: OnEvent
  /** The clock, in milliseconds since the epoch (default `Date.now`); tests turn it. */
  readonly now?: () => number
}

/** A limit to the sessions of one user, and what a login beyond it does (ASVS 7.1.2). */
export interface MaxSessions {
  /** At least 1. */
  readonly limit: number
  /** `'reject'` refuses the login; `'evict-oldest'` ends the session that began first. */
  readonly onLimit: 'reject' | 'evict-oldest'
}

/** The options, checked and made into parts. */
export interface Policy {
  readonly keyring: Keyring
  readonly store: Store
  readonly lifetime: Lifetime
  /** In milliseconds. */
  readonly rotationGrace: number
  readonly maxSessions: MaxSessions | null
  readonly cookies: SessionCookies
  readonly guard: DataGuard
  readonly trustProxy: number
  readonly onEvent: OnEvent | undefined
  readonly now: () => number
}

/** Below this, hosts whose clocks differ by seconds would take late requests for thieves. In milliseconds. */
const shortestGrace = 10_000

const known: readonly (keyof SessionManagerOptions<object>)[] = [
  'secrets',
  'store',
  'lifetime',
  'rotationGrace',
  'maxSessions',
  'cookie',
  'schema',
  'migrate',
  'trustProxy',
  'onEvent',
  'now',
]
const knownOfLifetime: readonly (keyof LifetimeOptions)[] = ['idle', 'absolute', 'renewEvery', 'nist']
const knownOfMaxSessions: readonly (keyof MaxSessions)[] = ['limit', 'onLimit']
const knownOfCookie: readonly (keyof CookieOptions)[] = [
  'name',
  'path',
  'domain',
  'sameSite',
  'partitioned',
  'priority',
  'persistent',
]

/** Checks the options; throws `ERR_SESSION_CONFIG` naming the first that is wrong. */
export function readOptions<Data extends object>(options: SessionManagerOptions<Data>): Policy {
  checkNames(options, 'options', known)
  const { cookie = {}, lifetime = {}, migrate, now = Date.now, onEvent, schema, secrets, store } = options
  const { maxSessions = null, rotationGrace = '60s', trustProxy = 0 } = options
  checkNames(lifetime, 'lifetime', knownOfLifetime)
  checkNames(cookie, 'cookie', knownOfCookie)
  // A Map has methods of these names, but they give no promises and keep records for ever.
  const isStore = [store?.get, store?.set, store?.delete].every(isFunction) && !(store instanceof Map)
  check(isStore, 'store', 'must have get, set and delete, like memoryStore()')
  check(
    Number.isInteger(trustProxy) && trustProxy >= 0,
    'trustProxy',
    'must be how many proxies stand in front: 0, 1, …',
  )
  const isSchema = schema === undefined || isFunction(schema?.['~standard']?.validate)
  check(isSchema, 'schema', 'must be a Standard Schema, as zod, valibot and arktype make them')
  check(
    migrate === undefined || (isFunction(migrate) && schema !== undefined),
    'migrate',
    'must be a function, beside a schema',
  )
  check(onEvent === undefined || isFunction(onEvent), 'onEvent', 'must be a function')
  check(isFunction(now), 'now', 'must be a function')
  const grace = parseDuration(rotationGrace, 'rotationGrace')
  check(grace >= shortestGrace, 'rotationGrace', "must be at least '10s', since clocks differ")
  const limits = createLifetime(lifetime)
  const { renewEvery } = limits
  check(renewEvery > grace, 'lifetime.renewEvery', 'must be longer than rotationGrace')
  // Without it, each of the requests that run at once would give the session another id.
  const renewable = renewEvery === Infinity || isAtomic(store)
  check(renewable, 'lifetime.renewEvery', 'needs a store with compareAndSet; call rotate() instead')
  checkMaxSessions(maxSessions, store)
  const heard = safely(onEvent ?? (() => {}))
  return {
    keyring: keyringOf(secrets, now, (error) => heard({ type: 'key-provider-failure', error })),
    store,
    lifetime: limits,
    rotationGrace: grace,
    maxSessions,
    cookies: createSessionCookies(cookie),
    guard: createDataGuard(schema, migrate),
    trustProxy,
    onEvent,
    now,
  }
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

function checkNames(options: object, option: string, names: readonly string[]): void {
  check(typeof options === 'object' && options !== null, option, 'must be an object')
  const stranger = Object.keys(options).find((name) => !names.includes(name))
  check(stranger === undefined, `${option}.${stranger}`, `is not known; there are ${names.join(', ')}`)
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}
