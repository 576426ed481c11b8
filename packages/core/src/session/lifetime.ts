import { check } from '../errors.ts'

/** A span of time: `'90s'`, `'30m'`, `'12h'`, `'7d'`. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`

/** When sessions end. Core enforces both limits on the record, whatever cookie and store do (ASVS 7.3.1, 7.3.2). */
export interface LifetimeOptions {
  /** The longest pause between two visits (default `'24h'`, but not above `absolute`). A visit is recorded once a tenth of it has passed. */
  readonly idle?: Duration
  /** The longest life in all, counted from the last login or else from the beginning (default `'14d'`). */
  readonly absolute?: Duration
}

/** The times of a session, in milliseconds since the epoch. */
export interface SessionTimes {
  readonly createdAt: number
  readonly authenticatedAt: number | null
  /** The last recorded visit. */
  readonly seenAt: number
}

/** Both limits, in milliseconds. */
export interface Lifetime {
  readonly idle: number
  readonly absolute: number
}

const milliseconds = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const defaultIdle = 24 * milliseconds.h

/** A visit is written when this part of the idle limit has passed since the last one was. */
const touchAfter = 0.1

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

/** Reads the options; throws `ERR_SESSION_CONFIG` when the idle limit could never be reached. */
export function createLifetime({ absolute: longest = '14d', idle: pause }: LifetimeOptions): Lifetime {
  const absolute = parseDuration(longest, 'lifetime.absolute')
  const idle = pause === undefined ? Math.min(defaultIdle, absolute) : parseDuration(pause, 'lifetime.idle')
  check(idle <= absolute, 'lifetime.idle', 'must not be longer than lifetime.absolute')
  return { idle, absolute }
}

/** When the session ends unless it is visited again. */
export function deadlineOf(times: SessionTimes, { idle, absolute }: Lifetime): number {
  return Math.min(times.seenAt + idle, (times.authenticatedAt ?? times.createdAt) + absolute)
}

/** Whether this visit should be recorded: enough time has passed, and it would prolong the session. */
export function touchIsDue(times: SessionTimes, lifetime: Lifetime, now: number): boolean {
  if (now - times.seenAt < lifetime.idle * touchAfter) return false
  return deadlineOf({ ...times, seenAt: now }, lifetime) > deadlineOf(times, lifetime)
}
