import { handleOf } from '../session/public-handle.ts'
import type { LiveRecord } from '../session/state.ts'
import { isLive, isMoved, type SessionRecords } from './session-records.ts'

/**
 * The record that a session has by now, for who knows it from before and brings no cookie: through rotations and
 * step-ups, however long ago, but not to a login that took its place. Null when the session has ended.
 */
export async function reload(
  records: SessionRecords,
  { id, record }: LiveRecord,
): Promise<LiveRecord | null> {
  let found = await records.find(id)
  while (isMoved(found)) found = await records.find(found.successor)
  return isLive(found) && handleOf(found.record) === handleOf(record) ? found : null
}
