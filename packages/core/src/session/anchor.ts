import type { SessionId } from '../crypto/token.ts'
import type { LiveRecord } from './state.ts'

/**
 * An anchor names an id by its place: the id with which a line of rotations began, and how many there have been since.
 * So it is known before the commit chooses the id, and two rotations at once, which get one successor, get one anchor.
 */
function anchor(first: SessionId, turns: number): string {
  return `${first}.${turns}`
}

/** The anchor of an id that a login or the beginning of a session gives. */
export function firstAnchor(id: SessionId): string {
  return anchor(id, 0)
}

/** The anchor that the session has, or will have after its next rotation. */
export function anchorOf({ id, record }: LiveRecord, afterRotation = false): string {
  const { first, turns } = record.previous ?? { first: id, turns: 0 }
  return anchor(first, afterRotation ? turns + 1 : turns)
}

/** The anchors that count at a time: this one's, and that of the id before while it still leads here. */
export function anchorsOf(live: LiveRecord, now: number): string[] {
  const { previous } = live.record
  const current = anchorOf(live)
  if (previous === null || previous.until <= now) return [current]
  return [current, anchor(previous.first, previous.turns - 1)]
}
