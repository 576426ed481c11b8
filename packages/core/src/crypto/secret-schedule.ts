import { check } from '../errors.ts'
import { assertStrongSecret } from './secret.ts'

/** A secret that serves for a time. Both its ends still belong to it. */
export interface ScheduledSecret {
  /** At least 32 bytes of randomness. */
  readonly secret: string
  /**
   * When it may begin to sign (default: at once). It verifies from the start: so every server knows it before the
   * first one signs with it. A `Date`, or ISO 8601 with a time zone: `'2026-11-21'`, `'2026-11-21T09:30:00Z'`.
   */
  readonly notBefore?: Date | string
  /** When it ends (default: never). Later it neither signs nor verifies, and what only it had signed has ended too. */
  readonly retireAfter?: Date | string
  /** What `keyUse` calls it, for instance its version in the vault. Not confidential. */
  readonly label?: string
}

/**
 * The secrets, newest first: the first that may sign does, all verify. Each is at least 32 bytes of randomness.
 *
 * To change a secret without logging anybody out, put the new one in front. Where several servers share their
 * sessions, give it a `notBefore` that lies after the deployment: servers that do not have it yet cannot read what it
 * signs. `keyUse` says when the old one can go.
 */
export type Secrets = readonly [current: string | ScheduledSecret, ...previous: (string | ScheduledSecret)[]]

/** A secret and its times, in milliseconds since the epoch. */
export interface Schedule {
  readonly secret: string
  readonly label: string | null
  /** From when it signs. */
  readonly from: number
  /** Until when it signs and verifies. */
  readonly until: number
}

/** A time zone is demanded: without one, each server would read its own time. */
const isoDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/

/** Checks the secrets; throws `ERR_SESSION_CONFIG` naming the first that is weak, given twice, or wrongly dated. */
export function readSecrets(secrets: Secrets): Schedule[] {
  const isRing = Array.isArray(secrets) && secrets.length > 0
  check(isRing, 'secrets', 'must be an array of secrets, newest first, or a function that loads one')
  const texts = new Set<string>()
  return secrets.map((entry: unknown, index) => {
    const option = `secrets[${index}]`
    const parts = typeof entry === 'object' && entry !== null ? entry : { secret: entry }
    const { secret, notBefore, retireAfter, label = null, ...rest } = parts as ScheduledSecret
    const [stranger] = Object.keys(rest)
    const names = 'secret, notBefore, retireAfter, label'
    check(stranger === undefined, `${option}.${stranger}`, `is not known; there are ${names}`)
    assertStrongSecret(secret, option)
    check(!texts.has(secret), option, 'is there twice; remove one')
    texts.add(secret)
    const from = timeOf(notBefore, -Infinity, `${option}.notBefore`)
    const until = timeOf(retireAfter, Infinity, `${option}.retireAfter`)
    check(from < until, `${option}.retireAfter`, 'must be later than its notBefore')
    return { secret, label, from, until }
  })
}

function timeOf(date: unknown, otherwise: number, option: string): number {
  if (date === undefined) return otherwise
  const isText = typeof date === 'string' && isoDate.test(date)
  const time = isText ? Date.parse(date) : date instanceof Date ? date.getTime() : NaN
  check(!Number.isNaN(time), option, "must be a Date, or ISO 8601 as '2026-11-21T09:30:00Z'")
  return time
}
