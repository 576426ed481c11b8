import type { StandardSchemaV1 } from '@standard-schema/spec'
import { createSessionCookies, type CookieOptions, type SessionCookies } from '../cookie/session-cookie.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { check } from '../errors.ts'
import type { ForeignReader } from '../session/foreign-session.ts'
import {
  createLifetime,
  parseDuration,
  type Duration,
  type Lifetime,
  type LifetimeOptions,
} from '../session/lifetime.ts'
import { createDataGuard, type DataGuard, type Migrate } from '../session/schema.ts'
import { safely, warnWhenInsecure, type OnEvent } from './events.ts'
import { keyringOf, type SecretsSource } from './key-provider.ts'

/** The options that every session manager has, wherever it keeps its sessions. */
export interface ManagerOptions<Data extends object> {
  /** Makes the cookies worth something. At least one secret of 32 random bytes; newest first, older ones still count. Or what loads them from a vault. */
  readonly secrets: SecretsSource
  /** When sessions end (default 24 hours idle, 14 days in all): limits of your own, or `nist.aal1`, `aal2`, `aal3`. */
  readonly lifetime?: LifetimeOptions
  /** How long an id that `rotate` has replaced can still be used, for requests on their way (default `'60s'`, at least `'10s'`). */
  readonly rotationGrace?: Duration
  /** Name and scope of the cookie. */
  readonly cookie?: CookieOptions
  /**
   * A Standard Schema (zod, valibot, arktype, …) that the data fit whenever they are loaded or written. Keys that
   * are not there from the beginning are optional in it, and what it returns it accepts.
   */
  readonly schema?: StandardSchemaV1<unknown, Data>
  /** Brings stored data that no longer fit the schema into its form; null gives them up (default: give them up). */
  readonly migrate?: Migrate<Data>
  /**
   * Readers of the cookies that other libraries left in browsers, such as `fromIronSession(…)` (default none). A request
   * without a session of ours is asked for theirs, which is taken over once: new id, old cookie removed, event `imported`.
   */
  readonly unsealForeign?: readonly ForeignReader<Data>[]
  /** How many proxies of yours add to `X-Forwarded-Proto` in front of the server (default 0: the header is not read). */
  readonly trustProxy?: number
  /** Receives each decision (default: only a warning when no cookie can be set). */
  readonly onEvent?: OnEvent
  /** The clock, in milliseconds since the epoch (default `Date.now`); tests turn it. */
  readonly now?: () => number
}

/** The options of every manager, checked and made into parts. */
export interface Policy {
  readonly keyring: Keyring
  readonly lifetime: Lifetime
  /** In milliseconds. */
  readonly rotationGrace: number
  readonly cookies: SessionCookies
  readonly guard: DataGuard
  readonly unsealForeign: readonly ForeignReader[]
  readonly trustProxy: number
  /** The hook, safe to call. */
  readonly onEvent: OnEvent
  readonly now: () => number
}

/** Below this, hosts whose clocks differ by seconds would take late requests for thieves. In milliseconds. */
const shortestGrace = 10_000

const known: readonly (keyof ManagerOptions<object>)[] = [
  'secrets',
  'lifetime',
  'rotationGrace',
  'cookie',
  'schema',
  'migrate',
  'unsealForeign',
  'trustProxy',
  'onEvent',
  'now',
]
const knownOfLifetime: readonly (keyof LifetimeOptions)[] = ['idle', 'absolute', 'renewEvery', 'nist']
const knownOfCookie: readonly (keyof CookieOptions)[] = [
  'name',
  'path',
  'domain',
  'sameSite',
  'partitioned',
  'priority',
  'persistent',
]

/**
 * Checks the options that every manager has; throws `ERR_SESSION_CONFIG` naming the first that is wrong.
 *
 * @param more The names of the options that this manager has besides.
 * @param touchAfter At which part of the idle limit a visit is recorded.
 */
export function readOptions<Data extends object>(
  options: ManagerOptions<Data>,
  more: readonly string[],
  touchAfter?: number,
): Policy {
  checkNames(options, 'options', [...known, ...more])
  const { cookie = {}, lifetime = {}, migrate, now = Date.now, onEvent, schema, secrets } = options
  const { rotationGrace = '60s', trustProxy = 0, unsealForeign = [] } = options
  checkNames(lifetime, 'lifetime', knownOfLifetime)
  checkNames(cookie, 'cookie', knownOfCookie)
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
  const readers = Array.isArray(unsealForeign) && unsealForeign.every((reader) => isFunction(reader?.read))
  check(readers, 'unsealForeign', 'must be a list of readers, such as [fromIronSession(…)]')
  check(onEvent === undefined || isFunction(onEvent), 'onEvent', 'must be a function')
  check(isFunction(now), 'now', 'must be a function')
  const grace = parseDuration(rotationGrace, 'rotationGrace')
  check(grace >= shortestGrace, 'rotationGrace', "must be at least '10s', since clocks differ")
  const limits = createLifetime(lifetime, touchAfter)
  check(limits.renewEvery > grace, 'lifetime.renewEvery', 'must be longer than rotationGrace')
  const heard = safely(onEvent ?? warnWhenInsecure())
  return {
    keyring: keyringOf(secrets, now, (error) => heard({ type: 'key-provider-failure', error })),
    lifetime: limits,
    rotationGrace: grace,
    cookies: createSessionCookies(cookie),
    guard: createDataGuard(schema, migrate),
    unsealForeign,
    trustProxy,
    onEvent: heard,
    now,
  }
}

/** Throws for an option that there is not, which may be one misspelt. */
export function checkNames(options: object, option: string, names: readonly string[]): void {
  check(typeof options === 'object' && options !== null, option, 'must be an object')
  const stranger = Object.keys(options).find((name) => !names.includes(name))
  check(stranger === undefined, `${option}.${stranger}`, `is not known; there are ${names.join(', ')}`)
}

/** Whether it can be called. */
export function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}
