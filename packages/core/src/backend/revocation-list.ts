import { check } from '../errors.ts'
import type { SessionId } from '../crypto/token.ts'
import type { OnEvent } from '../manager/events.ts'
import type { Maybe } from '../steps.ts'
import type { ImportNotes } from './import-notes.ts'
import type { LineName, SealedLine, Turn } from './revocation-record.ts'
import type { RevocationVerdict, WriteOutcome } from './revocation-rules.ts'

/** What the list needs to know of the manager that asks it. */
export interface RevocationParts {
  readonly now: () => number
  readonly onEvent: OnEvent
  /** In milliseconds. */
  readonly rotationGrace: number
  /** `lifetime.absolute`, in milliseconds. */
  readonly absolute: number
  /** Whether an older cookie is refused once a newer one was written. */
  readonly strict: boolean
}

/** Which sealed sessions have ended, as a manager asks. Failures of the store are `ERR_SESSION_STORE`. */
export interface RevocationList extends ImportNotes {
  /**
   * Judges the session of a cookie by one read. A rotated id that comes back after its grace window ends the session,
   * with the event `reused`.
   */
  judge(line: SealedLine): Maybe<RevocationVerdict>
  /** As `judge`, but ends nothing and says nothing. */
  peek(line: SealedLine): Maybe<RevocationVerdict>
  /** Ends the session under whatever id, and what logins have put in its place meanwhile. */
  end(line: LineName): Promise<void>
  /**
   * The id of a session changes, by a rotation (`graceUntil` in milliseconds since the epoch) or by a step-up or the
   * like (0, which ends all former ids at once; somebody is signed in then). Under `strict` it is a write like `advance`.
   *
   * @returns What to seal: of two rotations at once, the second gets what the first was given.
   */
  move(line: SealedLine, to: SessionId, graceUntil: number): Promise<Turn | 'stale' | 'gone'>
  /** When a login is bound, to be sealed as `boundAt`: later than every cut-off, whatever the clocks say. */
  bind(owner: string): Promise<number>
  /**
   * A login takes the place of a session, which ends at once. To be called after `bind`, before the cookie is made.
   *
   * @returns `'gone'` when it had been ended: the login holds, but brings nothing over. `'stale'` under `strict`: a
   * newer cookie was written, so what would be brought over is old, and nothing has been ended.
   */
  replace(line: SealedLine, heir: LineName): Promise<WriteOutcome>
  /** Under `strict`, makes `line.version + 1` the newest version; what is `'stale'` or `'gone'` gets no cookie. */
  advance(line: SealedLine): Promise<WriteOutcome>
}

/** Opens the list of one revocation for a manager. */
export type OpenList = (parts: RevocationParts) => RevocationList

const openers = new WeakMap<object, OpenList>()

/** Lets managers open the list of a revocation, without loading what only some have. */
export function offerList(revocation: object, open: OpenList): void {
  openers.set(revocation, open)
}

/**
 * Opens the list of a revocation for a manager. Throws `ERR_SESSION_CONFIG` when it is none, or would forget sooner than
 * the manager's sessions end.
 */
export function revocationListOf(revocation: object, parts: RevocationParts): RevocationList {
  const open = openers.get(revocation)
  check(open !== undefined, 'revocation', "must be revocationStore(store), or 'none'")
  return open(parts)
}
