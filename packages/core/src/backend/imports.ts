import { newSessionId } from '../crypto/token.ts'
import type { ForeignCookie } from '../session/foreign-session.ts'
import type { ImportedSession, LiveRecord, SessionState } from '../session/state.ts'
import { noValues } from '../session/values.ts'
import { orNull, run } from '../steps.ts'
import { importId, longestImport } from './import-id.ts'
import { move } from './move.ts'
import { isMoved } from './session-records.ts'
import { end, gone, open, update, type Opened, type StoreParts } from './store-backend.ts'

/** Follows what a foreign cookie has become; null when it has not been taken over yet. */
export async function openImport(
  parts: StoreParts,
  { credential, library }: ForeignCookie,
): Promise<Opened | null> {
  if (credential === null) return null
  const id = await importId(library, credential)
  const note = await parts.records.find(id)
  // A note whose session has ended is one all the same: what was logged out must not be taken over again.
  return 'absent' in note && note.absent === 'unknown' ? null : open(parts, id)
}

/**
 * Notes what a foreign cookie has become: its tombstone leads to the new session, as that of a rotated id does, or as
 * that of a login if the request logged in. When another request has taken the same cookie over first, this one goes
 * on with the session that came of it.
 */
export async function settleImport(
  parts: StoreParts,
  state: SessionState,
  imported: ImportedSession,
  live: LiveRecord,
): Promise<LiveRecord | null> {
  try {
    return await settle(parts, state, imported, live)
  } catch (error) {
    // Nobody has been told the new id.
    await run(orNull(parts.records.remove(live.id, true)))
    throw error
  }
}

async function settle(
  parts: StoreParts,
  state: SessionState,
  { credential, library, login }: ImportedSession,
  live: LiveRecord,
): Promise<LiveRecord | null> {
  const { onEvent, records, rotationGrace } = parts
  const { id, record } = live
  const done = (): LiveRecord => {
    onEvent({ type: 'imported', library, id, userId: record.userId })
    return live
  }
  if (credential === null) return done()
  const { change } = state
  const logsIn = change !== null && change !== login
  // Who planted the cookie, or copied it, must not get in with whoever logs in here.
  const note = { successor: id, graceUntil: logsIn ? 0 : state.now + rotationGrace }
  const place = { ...live, id: await importId(library, credential), version: 0 }
  const found = await run(records.bury(place, note, state.now + longestImport))
  if (!isMoved(found) || found.successor === id) return done()
  const first = await run(records.follow(found.successor))
  const isEnded = first === null || found.graceUntil === 0
  // A login holds, whatever has become of the session before.
  if (isEnded && logsIn) return live
  await run(records.remove(id, true))
  if (isEnded) return gone(parts, id)
  onEvent({ type: 'conflict', id: first.id, attempt: 1 })
  const replay = { ...state, imported: null, nextId: null }
  return run(logsIn ? move(parts, replay, first) : update(parts, { ...replay, change: null }, first))
}

/**
 * Ends a foreign session: its cookie leads nowhere from now on. If another request has taken it over meanwhile, what
 * came of it ends.
 */
export async function refuseImport(
  parts: StoreParts,
  { credential, library }: ForeignCookie,
  now: number,
): Promise<void> {
  if (credential === null) return
  const { records } = parts
  const id = await importId(library, credential)
  let found = await records.find(id)
  if (!isMoved(found)) {
    const nowhere = { successor: newSessionId(), graceUntil: 0 }
    const times = { createdAt: now, seenAt: now, authenticatedAt: null }
    const record = { ...times, userId: null, auth: null, issuedAt: now, previous: null, values: noValues }
    found = await run(records.bury({ id, version: 0, record, migrated: false }, nowhere, now + longestImport))
  }
  if (!isMoved(found) || found.graceUntil === 0) return
  const live = await run(records.follow(found.successor))
  if (live !== null) await run(end(parts, live))
}
