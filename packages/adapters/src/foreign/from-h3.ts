import type { ForeignReader } from '@coatcheck/core'
import { checkPassword, openSeal } from './iron.ts'
import { asObject, check, checkOptions, createReader, presentedValues, type ReaderOptions } from './reader.ts'

export type { OldCookie, Taken } from './reader.ts'

/** Options of {@link fromH3}. */
export interface H3Options<Data extends object> extends ReaderOptions<Data> {
  /** The password that sealed the cookies. */
  readonly password: string
  /** The name of the cookie, which h3 calls `name` (default `'h3'`; in Nuxt, nuxt-auth-utils has `'nuxt-session'`). */
  readonly cookieName?: string
  /** Seconds after which a session ends, as h3 was told (default none). */
  readonly maxAge?: number
  /** Seconds without a visit after which a session ends, as h3 was told (default none). */
  readonly idleTimeout?: number
  /** Whether to take seals of h3 1 and early versions of h3 2, which can be guessed faster (default true, as in h3). */
  readonly legacySealFallback?: boolean
}

const chunked = /^__chunked__([1-9]\d{0,2})$/
/** h3 splits a seal into so many cookies at most. */
const maxChunks = 100
/** Each costs 8192 rounds of PBKDF2. */
const maxCandidates = 2

/**
 * Reads the sessions of h3 1 and 2 (`useSession`, in Nuxt and Nitro too), also those in several cookies. h3 looks for
 * them in the header `x-<name>-session` first; that is left unread, since what comes in no cookie can neither be removed
 * nor told from what a page's script made up.
 *
 * @example
 * fromH3<Data>({ password: env.SESSION_PASSWORD, maxAge: 604_800 })
 */
export function fromH3<Data extends object = Record<string, unknown>>(
  options: H3Options<Data>,
): ForeignReader<Data> {
  checkOptions(options, ['password', 'cookieName', 'maxAge', 'idleTimeout', 'legacySealFallback'])
  const { cookieName = 'h3', idleTimeout, legacySealFallback = true, maxAge, password } = options
  checkPassword(password, 'password')
  checkSeconds(maxAge, 'maxAge')
  checkSeconds(idleTimeout, 'idleTimeout')
  check(typeof legacySealFallback === 'boolean', 'legacySealFallback', 'must be true or false')
  const passwords = new Map([['', password]])
  const iterations = legacySealFallback ? [8192, 1] : [8192]

  /** When a session ends at the latest; null when it has ended, or cannot have an end that is demanded. */
  function endOf({ createdAt, lastSeenAt }: Times, sealEnd: number | null, now: number): number | null {
    const idleEnd = endAfter(lastSeenAt ?? createdAt, idleTimeout)
    const end = endAfter(createdAt, maxAge)
    if (idleEnd <= now || end <= now) return null
    if (end !== Infinity) return Math.min(end, sealEnd ?? end)
    // The seal of a session without maxAge ends with its idle time, and each visit would have made a new one.
    return idleTimeout === undefined ? (sealEnd ?? Infinity) : Infinity
  }

  return createReader(options, {
    library: 'h3',
    name: cookieName,
    secure: true,
    sameSite: 'Lax',
    async find(header, now) {
      for (const value of presentedValues(header, cookieName, maxCandidates)) {
        const { cookies, seal } = join(header, cookieName, value)
        const opened = await openSeal(seal, passwords, iterations, now)
        const session: Partial<H3Session> = asObject(opened?.content) ?? {}
        const content = asObject(session.data ?? null)
        if (opened === null || content === null) continue
        const times = { createdAt: timeOf(session.createdAt), lastSeenAt: timeOf(session.lastSeenAt) }
        const end = endOf(times, opened.expiresAt, now)
        if (end === null) continue
        const expiresAt = end === Infinity ? null : end
        return { content, createdAt: times.createdAt, expiresAt, credential: seal, cookies }
      }
      return null
    },
  })
}

/** What h3 seals. */
interface H3Session {
  readonly createdAt: unknown
  readonly lastSeenAt: unknown
  readonly data: unknown
}

/** In milliseconds since the epoch; null for what the session does not say. */
interface Times {
  readonly createdAt: number | null
  readonly lastSeenAt: number | null
}

/** The seal that a cookie leads to, and the cookies that it is in. */
function join(header: string, name: string, value: string): { seal: string; cookies: readonly string[] } {
  const [, count] = chunked.exec(value) ?? []
  if (count === undefined) return { seal: value, cookies: [name] }
  const cookies = [name]
  let seal = ''
  for (let index = 1; index <= Number(count); index++) {
    const [part = ''] = presentedValues(header, `${name}.${index}`, 1)
    if (part === '' || index > maxChunks) return { seal: '', cookies }
    seal += part
    cookies.push(`${name}.${index}`)
  }
  return { seal, cookies }
}

/** h3 takes a session without a time for one that has ended, if there is a limit. */
function endAfter(start: number | null, seconds: number | undefined): number {
  if (seconds === undefined) return Infinity
  return start === null ? -Infinity : start + seconds * 1000
}

function timeOf(value: unknown): number | null {
  return typeof value === 'number' && value > 0 ? value : null
}

function checkSeconds(seconds: number | undefined, option: string): void {
  const isSpan = seconds === undefined || (Number.isFinite(seconds) && seconds > 0)
  check(isSpan, option, 'must be a number of seconds above 0')
}
