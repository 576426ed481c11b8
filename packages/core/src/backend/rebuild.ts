import { authAfter } from '../session/authentication.ts'
import type { SessionRecord } from '../session/record.ts'
import type { DataGuard } from '../session/schema.ts'
import type { SessionState } from '../session/state.ts'
import { wait, type Steps } from '../steps.ts'
import { noValues } from '../session/values.ts'

/**
 * The record that a request wants to write over `before`, or as a new one: its changes replayed, its login made,
 * its visit noted. Rejects with `ERR_SESSION_DATA` when the data could not be loaded again.
 */
export function* rebuild(
  { change, imported, now, working }: SessionState,
  before: SessionRecord | undefined,
  guard: DataGuard,
): Steps<SessionRecord> {
  const values = working.rebase((before ?? imported)?.values ?? noValues)
  yield* wait(guard.check(values))
  return {
    createdAt: before?.createdAt ?? now,
    seenAt: Math.max(before?.seenAt ?? 0, now),
    authenticatedAt: change?.at ?? before?.authenticatedAt ?? null,
    userId: change?.userId ?? before?.userId ?? null,
    auth: authAfter(change, before?.auth ?? null),
    issuedAt: before?.issuedAt ?? now,
    previous: before?.previous ?? null,
    values,
  }
}
