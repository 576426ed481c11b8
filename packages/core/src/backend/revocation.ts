import { check } from '../errors.ts'
import { safely, type OnEvent } from '../manager/events.ts'
import { parseDuration, type Duration } from '../session/lifetime.ts'
import type { Session } from '../session/session.ts'
import { isAtomic, type AtomicStore } from '../store/store.ts'
import { guardStore } from './guarded-store.ts'
import { createImportNotes } from './import-notes.ts'
import { createLedgers } from './revocation-ledgers.ts'
import { offerList, type RevocationList, type RevocationParts } from './revocation-list.ts'
import type { SealedLine } from './revocation-record.ts'
import { notedLine } from './revocation-registry.ts'
import {
  advance,
  bind,
  cutOff,
  end,
  judge,
  move,
  replace,
  type Circumstances,
  type RevocationVerdict,
  type Step,
} from './revocation-rules.ts'

/** Options of {@link revocationStore}. */
export interface RevocationOptions {
  /**
   * How long a sealed session lasts after its login at most (default `'14d'`): not less than `lifetime.absolute` of any
   * manager that is given this.
   */
  readonly keepFor?: Duration
  /** Receives `revoked`, `user-revoked` and `store-failure`; may be that of the manager. */
  readonly onEvent?: OnEvent
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** What is read of a session; it must be the one that the manager gave. */
export type SealedReference = Pick<Session, 'id' | 'userId'>

/**
 * Ends sealed sessions, whatever cookies are still about. What is ended here is refused from the next request on; a
 * request that is on its way may finish, but the cookie that it sets is refused too.
 *
 * Every call rejects with `ERR_SESSION_STORE` when the store fails, and can be repeated.
 */
export interface Revocation {
  /**
   * Ends all sealed sessions of a user, as when the account is disabled or deleted (ASVS 7.4.2, 7.4.5). Disable the
   * account first: a login that passed your check before, and is written after this call, counts as a later one.
   */
  revokeUser(userId: string): Promise<void>
  /** Ends all sealed sessions of the session's user but this one, as after a change of password (ASVS 7.4.3). */
  revokeOthers(session: SealedReference): Promise<void>
  /** Ends one sealed session and what a login makes of it meanwhile, as `session.destroy()` does; its cookie stays, and is worthless. */
  revoke(session: SealedReference): Promise<void>
}

/**
 * Keeps in a store which sealed sessions have ended, since a cookie cannot be called back. It costs one read for each
 * request with a session, and one record for each user who logged in within `keepFor`.
 *
 * A record that the store drops before it expires brings ended sessions back: it must not evict. A record that cannot be
 * read ends all sessions of its user.
 *
 * @example
 * const revocation = revocationStore(redisStore(client))
 * const sessions = createCookieSessionManager({ secrets, revocation })
 * await revocation.revokeUser('ann')
 */
export function revocationStore(store: AtomicStore, options: RevocationOptions = {}): Revocation {
  const { keepFor: span = '14d', now = Date.now, onEvent: hook = () => {} } = options
  check(
    typeof store === 'object' && store !== null && isAtomic(store),
    'revocationStore(store)',
    "must have compareAndSet, or of two logouts at once one would be lost; take such a store, or write revocation: 'none'",
  )
  const keepFor = parseDuration(span, 'revocationStore.keepFor')
  const onEvent = safely(hook)
  const ledgers = createLedgers(guardStore(store, onEvent), keepFor, now)

  async function endAll(userId: string, by: 'all' | 'others', spared: SealedLine | null): Promise<void> {
    const about = { now: now(), rotationGrace: 0, strict: false }
    await ledgers.change({ owner: userId }, (ledger) => cutOff(ledger, spared, about))
    onEvent({ type: 'user-revoked', userId, by })
  }

  const revocation: Revocation = {
    async revokeUser(userId) {
      checkUserId(userId, 'userId')
      await endAll(userId, 'all', null)
    },
    async revokeOthers(session) {
      const line = lineOf(session)
      const { userId } = session
      checkUserId(userId, 'session.userId')
      // Who acts as the user has a session of their own account, which is none of the user's.
      await endAll(userId, 'others', line?.owner === userId ? line : null)
    },
    async revoke(session) {
      const line = lineOf(session)
      check(line !== null, 'The session', 'has no cookie yet; call session.destroy()')
      const { id, owner } = line
      await ledgers.end(line)
      if (owner === null) onEvent({ type: 'destroyed', id })
      else onEvent({ type: 'revoked', id, userId: owner, by: 'user' })
    },
  }
  offerList(revocation, (parts) => openList(store, keepFor, parts))
  return revocation
}

/** The list in a store. Throws `ERR_SESSION_CONFIG` when it would forget sooner than the manager's sessions end. */
function openList(store: AtomicStore, keepFor: number, parts: RevocationParts): RevocationList {
  check(
    keepFor >= parts.absolute,
    'revocationStore.keepFor',
    'must be at least lifetime.absolute, or an ended session would come back; make it longer',
  )
  const { now, onEvent, rotationGrace, strict } = parts
  const guarded = guardStore(store, onEvent)
  const ledgers = createLedgers(guarded, keepFor, now)
  const about = (): Circumstances => ({ now: now(), rotationGrace, strict })

  async function peek(line: SealedLine): Promise<RevocationVerdict> {
    const ledger = await ledgers.read(line)
    return ledger === null ? { state: 'refused', reason: 'unreadable' } : judge(ledger, line, about())
  }

  return {
    ...createImportNotes(guarded, now),
    peek,
    async judge(line) {
      const verdict = await peek(line)
      if (!isTheft(verdict)) return verdict
      const ended = await ledgers.change(line, (newest): Step<RevocationVerdict> => {
        const again = judge(newest, line, about())
        return isTheft(again) ? [again, end(newest, line)[1]!] : [again]
      })
      if (isTheft(ended)) onEvent({ type: 'reused', id: line.id })
      return ended
    },
    end: ledgers.end,
    move: (line, to, graceUntil) =>
      ledgers.change(line, (ledger) => move(ledger, line, to, graceUntil, about())),
    bind: (owner) => ledgers.change({ owner }, (ledger) => bind(ledger, now())),
    replace: (line, heir) => ledgers.change(line, (ledger) => replace(ledger, line, heir, about())),
    advance: (line) => ledgers.change(line, (ledger) => advance(ledger, line, about())),
  }
}

function isTheft(verdict: RevocationVerdict): boolean {
  return verdict.state === 'refused' && verdict.reason === 'reused'
}

function lineOf(session: SealedReference): SealedLine | null {
  const line = notedLine(session)
  check(
    line !== undefined,
    'The session',
    'was not loaded by a manager with this kind of sessions; pass what load() gave',
  )
  return line
}

/** A user that is undefined by mistake must not look like one whose sessions have ended. */
function checkUserId(userId: unknown, option: string): asserts userId is string {
  check(typeof userId === 'string' && userId !== '', option, 'must be a string that is not empty')
}
