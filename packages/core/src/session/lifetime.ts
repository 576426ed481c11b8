import { check } from '../errors.ts'
import { nist as presets, type NistLevel } from './nist.ts'

/** A span of time: `'90s'`, `'30m'`, `'12h'`, `'7d'`. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`

/** When sessions end. Core enforces both limits on the record, whatever cookie and store do (ASVS 7.3.1, 7.3.2). */
export interface LifetimeOptions {
  /** The longest pause between two visits (default `'24h'`, but not above `absolute`). A visit is recorded once a tenth of it has passed, in a sealed session once half of it has. */
  readonly idle?: Duration
  /** The longest life in all, counted from the last login or else from the beginning (default `'14d'`). */
  readonly absolute?: Duration
  /**
   * Gives the session a new id, as `rotate` does, at the first suitable request after this time (default: never). A
   * stolen id then ends, and is noticed; so is a client that missed a response, and must sign in again. Not suitable
   * are requests for images, scripts, styles and the like. Needs a store with `compareAndSet`.
   */
  readonly renewEvery?: Duration
  /** The level of NIST SP 800-63B-4 that both limits are held to; `nist.aal1` to `nist.aal3` set it (default: none). */
  readonly nist?: NistLevel
}

/** The times of a session, in milliseconds since the epoch. */
export interface SessionTimes {
  readonly createdAt: number
  readonly authenticatedAt: number | null
  /** The last recorded visit. */
  readonly seenAt: number
}

/** Both limits, in milliseconds. */
export interface Limits {
  readonly idle: number
  readonly absolute: number
}

/** The options, checked. */
export interface Lifetime extends Limits {
  /** How long after a recorded visit the next one is recorded, in milliseconds. */
  readonly recordEvery: number
  /** How long an id is used, in milliseconds; Infinity when as long as the session. */
  readonly renewEvery: number
  readonly nist: NistLevel | null
}

const milliseconds = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const defaultIdle = 24 * milliseconds.h

/** The milliseconds of a duration; throws `ERR_SESSION_CONFIG` naming the option when it is none. */
export function parseDuration(duration: unknown, option: string): number {
  const [, amount, unit] =
    /^(\d+(?:\.\d+)?)([smhd])$/.exec(typeof duration === 'string' ? duration : '') ?? []
  const span = Number(amount) * milliseconds[unit as keyof typeof milliseconds]
  check(
    span > 0 && Number.isFinite(span),
    option,
    `is ${String(duration)}; write '90s', '30m', '12h' or '7d'`,
  )
  return span
}

/**
 * Reads the options; throws `ERR_SESSION_CONFIG` for a time that could never be reached, or that the NIST level forbids.
 *
 * @param touchAfter A visit is recorded when this part of the idle limit has passed since the last recorded one.
 */
export function createLifetime(options: LifetimeOptions, touchAfter = 0.1): Lifetime {
  const { absolute: longest = '14d', idle: pause, nist = null, renewEvery: term } = options
  const absolute = parseDuration(longest, 'lifetime.absolute')
  const idle = pause === undefined ? Math.min(defaultIdle, absolute) : parseDuration(pause, 'lifetime.idle')
  check(idle <= absolute, 'lifetime.idle', 'must not be longer than lifetime.absolute')
  const renewEvery = term === undefined ? Infinity : parseDuration(term, 'lifetime.renewEvery')
  check(
    term === undefined || renewEvery < absolute,
    'lifetime.renewEvery',
    'must be shorter than lifetime.absolute',
  )
  check(
    nist === null || [1, 2, 3].includes(nist),
    'lifetime.nist',
    'must be 1, 2 or 3, as nist.aal1 to aal3 set it',
  )
  const { absolute: most } = presets.aal3
  check(
    nist !== 3 || absolute <= parseDuration(most, 'lifetime.absolute'),
    'lifetime.absolute',
    `is ${longest}, but at AAL3 it may be ${most} at most (NIST SP 800-63B-4 2.3.3, SHALL); shorten it, or build on nist.aal2`,
  )
  return { idle, absolute, recordEvery: idle * touchAfter, renewEvery, nist }
}

/** When the session ends unless it is visited again. */
export function deadlineOf(times: SessionTimes, { idle, absolute }: Limits): number {
  return Math.min(times.seenAt + idle, (times.authenticatedAt ?? times.createdAt) + absolute)
}

/** Whether this visit should be recorded: enough time has passed, and it would prolong the session. */
export function touchIsDue(times: SessionTimes, lifetime: Lifetime, now: number): boolean {
  if (now - times.seenAt < lifetime.recordEvery) return false
  return deadlineOf({ ...times, seenAt: now }, lifetime) > deadlineOf(times, lifetime)
}

/** Whether an id has been in use for so long that the session is to get another. */
export function renewalIsDue(issuedAt: number, { renewEvery }: Lifetime, now: number): boolean {
  return now - issuedAt >= renewEvery
}
