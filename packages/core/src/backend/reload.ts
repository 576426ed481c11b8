import { handleOf } from '../session/public-handle.ts'
import type { LiveRecord } from '../session/state.ts'
import { wait, type Steps } from '../steps.ts'
import { isLive, isMoved, type SessionRecords } from './session-records.ts'

/**
 * The record that a session has by now, for who knows it from before and brings no cookie: through rotations and
 * step-ups, however long ago, but not to a login that took its place. Null when the session has ended.
 */
export function* reload(records: SessionRecords, { id, record }: LiveRecord): Steps<LiveRecord | null> {
  let found = yield* wait(records.find(id))
  while (isMoved(found)) found = yield* wait(records.find(found.successor))
  return isLive(found) && handleOf(found.record) === handleOf(record) ? found : null
}
