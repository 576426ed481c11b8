import type { SessionId } from '../crypto/token.ts'
import type { SessionEvent } from '../manager/events.ts'
import type { AuthChange } from '../session/authentication.ts'

/** What is told of a change of who is signed in: one event for each thing that the request has done. */
export function authEvents(
  { apply, kind, userId }: AuthChange,
  id: SessionId,
  previous: SessionId | null,
): SessionEvent[] {
  const events: SessionEvent[] = []
  // Over nothing, a change shows what it does itself.
  const { actor, elevation } = apply(null)
  const ids = { id, previous }
  const self = actor ?? userId
  if (kind === 'login' || kind === 'stop-acting') events.push({ type: kind, ...ids, userId: self })
  if (elevation !== null) events.push({ type: 'step-up', ...ids, userId: self })
  if (actor !== null) events.push({ type: 'act-as', ...ids, userId, actor })
  return events
}
