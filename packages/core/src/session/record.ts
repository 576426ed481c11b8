import { isSessionId, type SessionId } from '../crypto/token.ts'
import type { StoredRecord } from '../store/store.ts'
import type { SessionTimes } from './lifetime.ts'
import type { Values } from './values.ts'

/** The number that each payload begins with. A payload of another format is never guessed at. */
const format = 1

/** What is remembered of a live session. */
export interface SessionRecord extends SessionTimes {
  readonly userId: string | null
  readonly values: Values
}

/** What stays under an id that was given up: where the session went. */
export interface Tombstone {
  readonly successor: SessionId
  /** Until when the old id leads to the successor; 0 after a login, which gives no grace. */
  readonly graceUntil: number
}

/** The payload of a live session. */
export function encodeRecord(record: SessionRecord): string {
  const { authenticatedAt, createdAt, seenAt, values } = record
  return JSON.stringify({ format, createdAt, seenAt, authenticatedAt, data: Object.fromEntries(values) })
}

/** The payload of a tombstone. */
export function encodeTombstone({ graceUntil, successor }: Tombstone): string {
  return JSON.stringify({ format, successor, graceUntil })
}

/** Reads a payload, or returns null when it is damaged or of another format. */
export function decodeRecord({ payload, userId }: StoredRecord): SessionRecord | Tombstone | null {
  const content = parseObject(payload)
  if (content === null || content['format'] !== format) return null
  const { authenticatedAt, createdAt, data, graceUntil, seenAt, successor } = content
  if (typeof successor === 'string' && isSessionId(successor) && typeof graceUntil === 'number') {
    return { successor, graceUntil }
  }
  if (typeof createdAt !== 'number' || typeof seenAt !== 'number' || !isRecord(data)) return null
  if (typeof authenticatedAt !== 'number' && authenticatedAt !== null) return null
  return { createdAt, seenAt, authenticatedAt, userId, values: new Map(Object.entries(data)) }
}

/** Whether this is what a given-up id holds. */
export function isTombstone(decoded: SessionRecord | Tombstone): decoded is Tombstone {
  return 'successor' in decoded
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
