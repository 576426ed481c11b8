import { isSessionId, type SessionId } from '../crypto/token.ts'
import { decodeRecord, encodeRecord, isTombstone, ownerOf } from './record.ts'
import type { LiveRecord } from './state.ts'

/** A record as it stands in a sealed cookie, with what a store would know beside it. Times in milliseconds since the epoch. */
export interface SealedRecord extends Omit<LiveRecord, 'migrated'> {
  /** When its owner was bound by a login, or when it began while there is none. */
  readonly boundAt: number
  /** When it ends in any case, by the policy of when it was sealed. */
  readonly until: number
}

/** The text that is sealed. JSON has no line break of its own, so the first one ends what stands before the payload. */
export function encodeSealed({ boundAt, id, record, until, version }: SealedRecord): string {
  return `${JSON.stringify([id, version, boundAt, until, ownerOf(record)])}\n${encodeRecord(record)}`
}

/** Reads a text that opened; null when it is of another format. Only who holds a secret can have made it. */
export function decodeSealed(text: string): SealedRecord | null {
  const end = text.indexOf('\n')
  try {
    const [id, version, boundAt, until, userId] = JSON.parse(text.slice(0, end)) as [
      SessionId,
      number,
      number,
      number,
      string | null,
    ]
    // A limit that is no number would never be reached.
    if (!isSessionId(id) || ![version, boundAt, until].every(Number.isFinite)) return null
    const record = decodeRecord({ payload: text.slice(end + 1), expiresAt: until, userId, version })
    return record === null || isTombstone(record) ? null : { id, version, boundAt, until, record }
  } catch {
    return null
  }
}
