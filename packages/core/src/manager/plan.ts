import { touchIsDue, type Lifetime } from '../session/lifetime.ts'
import type { SessionState } from '../session/session.ts'

/** What a commit has to do. Of two, the one that needs the client to learn a new id comes first. */
export type Plan = 'create' | 'login' | 'rotate' | 'update' | 'touch' | 'nothing'

/** Decides from the state alone. */
export function planOf(state: SessionState, lifetime: Lifetime): Plan {
  const { login, now, origin, rotate, viaGrace, working } = state
  const changed = working.changedKeys().length > 0
  if (origin === null) return changed || login !== null ? 'create' : 'nothing'
  if (login !== null) return 'login'
  // Who comes with a replaced id has had its rotation, and gets nothing that outlives the grace window.
  if (rotate && !viaGrace) return 'rotate'
  if (changed || origin.migrated) return 'update'
  return touchIsDue(origin.record, lifetime, now) ? 'touch' : 'nothing'
}

/** Whether the plan is worthless unless the response carries a cookie. */
export function needsCookie(plan: Plan): plan is 'create' | 'login' | 'rotate' {
  return plan === 'create' || plan === 'login' || plan === 'rotate'
}
