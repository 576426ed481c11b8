import type { Maybe } from './maybe.ts'
import type { SessionRecord } from './store.ts'

/** What a session becomes, seen from what is stored now. */
export type Change = (stored: SessionRecord) => SessionRecord

/**
 * Records of a store of express-session. What changes one record happens one after the other within this process. The
 * methods give a promise where they have to wait, and where something has failed; they throw nothing.
 */
export interface RecordKeeper {
  /** Reads a record as it is, whatever is about to be written; null when there is none. */
  peek(sid: string): Maybe<SessionRecord | null>
  /** Reads a record, after what this process has begun to write; null when there is none. */
  read(sid: string): Maybe<SessionRecord | null>
  /** Writes a record that nobody else can know yet. */
  create(sid: string, record: SessionRecord): Maybe<void>
  /** Writes what `change` makes of the newest record. @returns False when there is none any more: nothing is written. */
  change(sid: string, change: Change): Maybe<boolean>
  /**
   * Prolongs a record: with `record` as the store's `touch` takes it, or by `change` where that is the safer way.
   *
   * @returns False when it is known that there is none any more.
   */
  touch(sid: string, record: SessionRecord, change: Change): Maybe<boolean>
  /** Ends a session; that there is none is no error. */
  destroy(sid: string): Maybe<void>
}
