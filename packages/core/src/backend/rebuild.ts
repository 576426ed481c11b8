import type { SessionRecord } from '../session/record.ts'
import type { DataGuard } from '../session/schema.ts'
import type { SessionState } from '../session/session.ts'
import { noValues } from '../session/values.ts'

/**
 * The record that a request wants to write over `before`, or as a new one: its changes replayed, its login made,
 * its visit noted. Rejects with `ERR_SESSION_DATA` when the data could not be loaded again.
 */
export async function rebuild(
  { login, now, working }: SessionState,
  before: SessionRecord | undefined,
  guard: DataGuard,
): Promise<SessionRecord> {
  const values = working.rebase(before?.values ?? noValues)
  await guard.check(values)
  return {
    createdAt: before?.createdAt ?? now,
    seenAt: Math.max(before?.seenAt ?? 0, now),
    authenticatedAt: login === null ? (before?.authenticatedAt ?? null) : now,
    userId: login ?? before?.userId ?? null,
    values,
  }
}
