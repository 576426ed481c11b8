import { isSessionId, type SessionId } from '../crypto/token.ts'
import type { StoredRecord } from '../store/store.ts'
import type { AuthRecord } from './authentication.ts'
import type { SessionTimes } from './lifetime.ts'
import type { Values } from './values.ts'

/** The number that each payload begins with. A payload of another format is never guessed at. */
const format = 1

/** What is remembered of a live session. */
export interface SessionRecord extends SessionTimes {
  readonly userId: string | null
  /** How the user is known; null while nobody is signed in, and in records of before it was kept. */
  readonly auth: AuthRecord | null
  /** When the session got its id, in milliseconds since the epoch. */
  readonly issuedAt: number
  /** The id that it had before, while that one still leads to it. */
  readonly previous: PreviousId | null
  readonly values: Values
}

/** An id that was rotated away, and until when it leads on. */
export interface PreviousId {
  readonly id: SessionId
  readonly until: number
  /** The id with which this line of rotations began, at a login or with the session. */
  readonly first: SessionId
  /** How many rotations ago that was. */
  readonly turns: number
}

/** What stays under an id that was given up: where the session went. */
export interface Tombstone {
  readonly successor: SessionId
  /** Until when the old id leads to the successor; 0 after a login, which gives no grace. */
  readonly graceUntil: number
}

/** The payload of a live session. What is not there takes no room, nor what is as usual. */
export function encodeRecord(record: SessionRecord): string {
  const { auth, authenticatedAt, createdAt, issuedAt, previous, seenAt, userId, values } = record
  return JSON.stringify({
    format,
    createdAt,
    issuedAt: issuedAt === createdAt ? undefined : issuedAt,
    seenAt: seenAt === createdAt ? undefined : seenAt,
    authenticatedAt: authenticatedAt ?? undefined,
    auth: auth ?? undefined,
    actsAs: ownerOf(record) === userId ? undefined : userId,
    previous: previous ?? undefined,
    data: values,
  })
}

/** Whose session it is to the store: that of who really sits there, so that it ends with that account. */
export function ownerOf({ auth, userId }: SessionRecord): string | null {
  return auth?.actor ?? userId
}

/** The payload of a tombstone. */
export function encodeTombstone({ graceUntil, successor }: Tombstone): string {
  return JSON.stringify({ format, successor, graceUntil })
}

/** Reads a payload, or returns null when it is damaged or of another format. */
export function decodeRecord({ payload, userId: owner }: StoredRecord): SessionRecord | Tombstone | null {
  const content = parseObject(payload)
  if (content === null || content['format'] !== format) return null
  const { auth, createdAt, data, graceUntil, previous, successor } = content
  if (typeof successor === 'string' && isSessionId(successor) && typeof graceUntil === 'number') {
    return { successor, graceUntil }
  }
  if (typeof createdAt !== 'number' || !isRecord(data)) return null
  const { actsAs, authenticatedAt = null, issuedAt = createdAt, seenAt = createdAt } = content
  if (typeof authenticatedAt !== 'number' && authenticatedAt !== null) return null
  if (typeof issuedAt !== 'number' || typeof seenAt !== 'number') return null
  if (!isAuthRecord(auth) || !isPreviousId(previous)) return null
  return {
    createdAt,
    seenAt,
    authenticatedAt,
    userId: typeof actsAs === 'string' ? actsAs : owner,
    auth: auth ?? null,
    issuedAt,
    previous: previous ?? null,
    values: data,
  }
}

/** Whether this is what a given-up id holds. */
export function isTombstone(decoded: SessionRecord | Tombstone): decoded is Tombstone {
  return 'successor' in decoded
}

function isAuthRecord(value: unknown): value is AuthRecord | undefined {
  return value === undefined || (isRecord(value) && typeof value['handle'] === 'string')
}

function isPreviousId(value: unknown): value is PreviousId | undefined {
  if (value === undefined) return true
  return isRecord(value) && typeof value['until'] === 'number' && typeof value['turns'] === 'number'
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
