import type { SessionRequest } from '../cookie/transport.ts'
import { renewalIsDue, touchIsDue, type Lifetime } from '../session/lifetime.ts'
import type { SessionState } from '../session/state.ts'

/** What a commit has to do. Of two, the one that needs the client to learn a new id comes first. */
export type Plan = 'create' | 'login' | 'rotate' | 'update' | 'touch' | 'nothing'

/**
 * What browsers fetch to show a page. Many run at once and are cached, which a response with a cookie cannot be, so
 * none is worth a renewal that nobody asked for.
 */
const subresource = /^(?:audio|font|image|manifest|script|style|track|video)$/

/** Whether the response to such a request is one that a new id may come with unasked. */
export function mayRenew({ headers }: SessionRequest): boolean {
  return !subresource.test(headers.get('sec-fetch-dest') ?? '')
}

/**
 * Decides from the state alone.
 *
 * @param renewable Whether the id may be renewed when its time has come.
 */
export function planOf(state: SessionState, lifetime: Lifetime, renewable = false): Plan {
  const { cached, change, imported, nextId, now, origin, rotate, viaGrace, working } = state
  const changed = working.changedKeys().length > 0
  // An id that something has been bound to has to be there.
  const isWanted = changed || change !== null || nextId !== null || imported !== null
  if (origin === null) return isWanted ? 'create' : 'nothing'
  if (change !== null) return 'login'
  // Who comes with a replaced id has had its rotation, and gets nothing that outlives the grace window.
  const renew = renewable && renewalIsDue(origin.record.issuedAt, lifetime, now)
  if ((rotate || renew) && !viaGrace) return 'rotate'
  if (changed || origin.migrated) return 'update'
  return !cached && touchIsDue(origin.record, lifetime, now) ? 'touch' : 'nothing'
}

/** Whether the client has to learn a new id. */
export function changesId(plan: Plan): plan is 'create' | 'login' | 'rotate' {
  return plan === 'create' || plan === 'login' || plan === 'rotate'
}
