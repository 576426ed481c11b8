import { noRevocation } from '../backend/no-revocation.ts'
import { revocationListOf, type RevocationList } from '../backend/revocation-list.ts'
import type { Revocation } from '../backend/revocation.ts'
import { mostParts } from '../cookie/split-cookie.ts'
import { check } from '../errors.ts'
import type { OnEvent } from './events.ts'
import { readOptions, type ManagerOptions, type Policy } from './options.ts'

/** Options of {@link createCookieSessionManager}. */
export interface CookieSessionManagerOptions<Data extends object> extends ManagerOptions<Data> {
  /**
   * How sessions end before their time. `revocationStore(store)` remembers which have ended: logout and revocation hold
   * at once, for one read a request. `'none'` has to be written out: a cookie that somebody has copied stays good until
   * its limits, whatever logout, login or rotate do.
   */
  readonly revocation: Revocation | 'none'
  /**
   * Refuses an older cookie of a session once a newer one was written (default false). A write that another request
   * was ahead of rejects with `ERR_SESSION_CONFLICT`, where otherwise the last one wins; older cookies of requests on their
   * way can be read for `rotationGrace`. Costs one conditional write for each change, and a client that misses a response
   * signs in again. Needs a revocation store.
   */
  readonly strict?: boolean
  /** Which application the sessions are for: one does not read those of another that has the same secrets (default `''`). */
  readonly audience?: string
  /**
   * The most cookies that one session takes, of 4 KiB each (default 4, at most 16; with `cookie.partitioned` 2, since
   * Chromium keeps 10 KiB for each site that embeds another). Node refuses requests whose headers exceed 16 KiB in
   * all: there, stay below 4 or start it with `--max-http-header-size`.
   */
  readonly maxParts?: number
}

/** The options, checked and made into parts. */
export interface CookiePolicy extends Policy {
  readonly revocation: RevocationList
  /** The same list for one who watches only: failures of its store are told to nobody. */
  readonly silentRevocation: () => RevocationList
  readonly revocable: boolean
  readonly strict: boolean
  readonly audience: string
  readonly maxParts: number
}

const more: readonly (keyof CookieSessionManagerOptions<object>)[] = [
  'revocation',
  'strict',
  'audience',
  'maxParts',
]

/** Checks the options; throws `ERR_SESSION_CONFIG` naming the first that is wrong. */
export function readCookieOptions<Data extends object>(
  options: CookieSessionManagerOptions<Data>,
): CookiePolicy {
  // To seal a session anew costs a response its place in caches: half of the idle limit is often enough.
  const policy = readOptions(options, more, 0.5)
  const partitioned = options.cookie?.partitioned === true
  const { audience = '', maxParts = partitioned ? 2 : 4, revocation, strict = false } = options
  check(
    revocation === 'none' || (typeof revocation === 'object' && revocation !== null),
    'revocation',
    "must be revocationStore(store), or 'none' if a copied cookie may outlive its logout",
  )
  const revocable = revocation !== 'none'
  check(typeof strict === 'boolean', 'strict', 'must be true or false')
  check(!strict || revocable, 'strict', 'needs revocation: revocationStore(store)')
  const renews = policy.lifetime.renewEvery < Infinity
  check(!renews || revocable, 'lifetime.renewEvery', 'needs a revocation store: without one, no id ends')
  check(typeof audience === 'string' && audience.isWellFormed(), 'audience', 'must be a well-formed string')
  check(
    Number.isInteger(maxParts) && maxParts >= 1 && maxParts <= mostParts,
    'maxParts',
    `must be a whole number from 1 to ${mostParts}`,
  )
  check(
    !partitioned || maxParts <= 2,
    'cookie.partitioned',
    'takes at most 2 parts: Chromium keeps 10 KiB for each embedding site; set maxParts to 2',
  )
  const { lifetime, now, rotationGrace } = policy
  const parts = { now, rotationGrace, absolute: lifetime.absolute, strict }
  const listFor = (onEvent: OnEvent): RevocationList =>
    revocable ? revocationListOf(revocation, { ...parts, onEvent }) : noRevocation(now)
  const lists = { revocation: listFor(policy.onEvent), silentRevocation: () => listFor(() => {}) }
  return { ...policy, ...lists, revocable, strict, audience, maxParts }
}
