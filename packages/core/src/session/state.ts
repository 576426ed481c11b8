import type { SessionId } from '../crypto/token.ts'
import type { AuthChange } from './authentication.ts'
import type { SessionRecord } from './record.ts'
import { noValues, WorkingCopy, type Values } from './values.ts'

/** A live record, where and how it was found. */
export interface LiveRecord {
  readonly id: SessionId
  readonly version: number
  readonly record: SessionRecord
  /** The stored data were of an older form: they are written anew even if nothing else changes. */
  readonly migrated: boolean
}

/** A session of another library, as it is taken over. */
export interface ImportedSession {
  readonly library: string
  /** What stood in its cookie; null when that tells nobody apart. */
  readonly credential: string | null
  readonly values: Values
  /** The login of whoever was signed in there. */
  readonly login: AuthChange | null
}

/** What one request knows of its session and wants of it; the manager reads it at commit. */
export interface SessionState {
  /** What was loaded; null for a new session, and after `destroy`. */
  origin: LiveRecord | null
  /** What `destroy` ended. */
  ended: LiveRecord | null
  /** What a new session takes over from another library. */
  imported: ImportedSession | null
  working: WorkingCopy
  /** How this request changes who is signed in. */
  change: AuthChange | null
  rotate: boolean
  /** Whether the response may bring a new id unasked, when the old one has had its time. */
  renewable: boolean
  /** The id that a new record is going to get, from when something has been bound to it. */
  nextId: SessionId | null
  destroy: boolean
  /** Whether the record comes from a snapshot, so that only what the handler changes is worth a call of the store. */
  readonly cached: boolean
  /** Whether the cookie named an id that a rotation has replaced, and that is still in its grace window. */
  readonly viaGrace: boolean
  /** Whether the handler looked at the session at all: then the response depends on the cookie. */
  accessed: boolean
  /** Whether the commit has begun. */
  sealed: boolean
  /** The time of this request, in milliseconds since the epoch. */
  readonly now: number
}

/** The state of a request that found this record, or none. */
export function createSessionState(
  origin: LiveRecord | null,
  now: number,
  viaGrace = false,
  cached = false,
): SessionState {
  return {
    origin,
    ended: null,
    imported: null,
    working: new WorkingCopy(origin?.record.values ?? noValues),
    change: null,
    rotate: false,
    renewable: false,
    nextId: null,
    destroy: false,
    cached,
    viaGrace,
    accessed: false,
    sealed: false,
    now,
  }
}
