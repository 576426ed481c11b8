import { usersOfIdpSession } from './backend/idp-index.ts'
import { guardStore } from './backend/guarded-store.ts'
import { maxAttempts } from './backend/session-records.ts'
import { createSessionWatch } from './backend/session-watch.ts'
import { createUserLines, type UserLine, type UserStore } from './backend/user-lines.ts'
import type { SessionId } from './crypto/token.ts'
import { check } from './errors.ts'
import { safely, type OnEvent, type RevokedBy } from './manager/events.ts'
import { authenticationAt, type Aal, type IdpSession } from './session/authentication.ts'
import type { Session } from './session/session.ts'
import { isAtomic, isUserIndexed } from './store/store.ts'
import { isWatchable, type WatchableStore } from './store/watchable-store.ts'

export type { UserStore } from './backend/user-lines.ts'
export type { WatchableStore } from './store/watchable-store.ts'

/** One of a user's sessions, as a page "your devices" shows it. Nothing in it is a credential, or its id. */
export interface UserSession {
  /** Names the session for {@link UserSessions.revoke}. Stays the same when the id changes; safe to put into a form. */
  readonly handle: string
  readonly createdAt: Date
  /** The last recorded visit: up to a tenth of the idle limit before the last one. */
  readonly lastSeenAt: Date
  /** When it ends unless it is visited again. */
  readonly expiresAt: Date
  readonly authenticatedAt: Date | null
  /** The `label` and `client` facts that `login` was given. */
  readonly label: string | null
  readonly client: Readonly<Record<string, string>>
  readonly amr: readonly string[]
  readonly aal: Aal | null
  /** Who the session is: another user than asked for, while somebody acts as another. */
  readonly userId: string | null
  /** Who really acts, after `actAs`; null when the user is who they are. */
  readonly actor: string | null
  /** Whether it is the session of the request that asks. */
  readonly isCurrent: boolean
}

/** What is read of a session. */
export type SessionReference = Pick<Session, 'id' | 'userId'>

/**
 * The sessions of users, from outside of a request. Whatever is ended here is gone at once, also for requests that are
 * on their way: they write nothing, set no cookie, and say `gone`.
 *
 * Every call rejects with `ERR_SESSION_STORE` when the store fails; then it may be done in part, and can be repeated.
 */
export interface UserSessions {
  /** The user's live sessions, newest first (ASVS 7.5.2). Records that cannot be read are left out. */
  list(userId: string, current?: SessionReference): Promise<UserSession[]>
  /** Ends one session. @returns Whether the user has it; another user's handle is refused. */
  revoke(userId: string, handle: string): Promise<boolean>
  /** Ends all of the user's sessions but this one, as after a change of password (ASVS 7.4.3). @returns How many there were. */
  revokeOthers(session: SessionReference): Promise<number>
  /**
   * Ends all sessions of a user, as when the account is disabled or deleted (ASVS 7.4.2, 7.4.5). Disable the account
   * first: a login that passed your check before, and is written after this call, counts as a later one.
   *
   * @returns How many there were.
   */
  revokeAll(userId: string): Promise<number>
  /**
   * Ends the sessions that were begun by `login` with this `idp`, for a logout token of OpenID Connect, whose
   * signature and claims are yours to check first. Pass the user if the token has a `sub`. Without `sid`, all sessions
   * of that user from that provider end; without a user, `sid` alone finds them.
   *
   * @returns How many there were.
   */
  revokeByIdp(idp: Pick<IdpSession, 'iss'> & Partial<IdpSession>, userId?: string): Promise<number>
}

/** With a store that tells of ends. */
export interface WatchableUserSessions extends UserSessions {
  /**
   * Calls `ended` once, when the session has been ended: destroyed, revoked, or superseded by a login. Rotations and
   * step-ups are followed. A session that merely expires is not told of: close the connection at `expiresAt`. When the
   * store cannot be asked whether the session is alive, it counts as ended.
   *
   * @param session A session that has been committed, or its id.
   * @returns What ends the waiting. By then `ended` may have been called already.
   */
  onRevoked(session: SessionReference | SessionId, ended: () => void): Promise<() => void>
}

/** Options of {@link createUserSessions}. */
export interface UserSessionsOptions {
  /** Receives `revoked` for each session that is ended, and `store-failure`; may be that of the manager. */
  readonly onEvent?: OnEvent
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/**
 * Lists and ends the sessions of users, over the store that the session manager has.
 *
 * Revocation holds because no live session of a user is ever missing in the store's index:
 *
 * - memory, Redis on one server, Upstash, SQL, D1: record and index are one write; neither is there without the other.
 * - files: the entry is on the disk before the record, and goes after it, both under the record's lock.
 * - Redis Cluster: what is prolonged has its entry prolonged first. A new record comes before its entry, and is
 *   acknowledged after it; if the entry fails, the login fails and its id, which no client was told, is worthless.
 * - Durable Objects: entry and record go out together and are acknowledged together; what fails is told to nobody.
 *
 * A session that gets another id at the moment is found under the new one or the old one: the new record is written
 * before the old one is given up. Whoever ends the old one makes the change of id fail, and the new one goes with it.
 *
 * @example
 * const userSessions = createUserSessions(store)
 * await userSessions.revokeAll('ann')
 */
export function createUserSessions(
  store: UserStore & WatchableStore,
  options?: UserSessionsOptions,
): WatchableUserSessions
export function createUserSessions(store: UserStore, options?: UserSessionsOptions): UserSessions
export function createUserSessions(
  store: UserStore,
  { now = Date.now, onEvent: hook = () => {} }: UserSessionsOptions = {},
): UserSessions & Partial<WatchableUserSessions> {
  check(isAtomic(store) && isUserIndexed(store), 'store', 'must have compareAndSet and listByUser')
  const onEvent = safely(hook)
  const lines = createUserLines(store, onEvent, now)
  const guarded = guardStore(store, onEvent)

  /**
   * Ends what is doomed, until nothing is left of it. A store that reads its index and then the records may pass over
   * a session that gets another id in between; whoever looks twice finds it.
   */
  async function endWhere(
    userId: string,
    by: RevokedBy,
    isDoomed: (line: UserLine) => boolean,
  ): Promise<number> {
    const ended = new Set<string>()
    for (let [looks, idle] = [0, 0]; idle < 2 && looks < maxAttempts; looks++) {
      const doomed = (await lines.of(userId)).filter(isDoomed)
      idle = doomed.length === 0 ? idle + 1 : 0
      const ending = doomed.map(async (line) => {
        ended.add(line.handle)
        if (await lines.end(line)) onEvent({ type: 'revoked', id: line.id, userId, by })
      })
      await Promise.all(ending)
    }
    return ended.size
  }

  async function currentHandle({ id }: SessionReference): Promise<string | null> {
    return id === null ? null : ((await lines.current(id))?.line.handle ?? null)
  }

  const sessions: UserSessions = {
    async list(userId, current) {
      checkText(userId, 'userId')
      const [own, all] = [current && (await currentHandle(current)), await lines.of(userId)]
      // While a session gets another id, it is there under both.
      const newest = new Map(all.toSorted(byIssue).map((line) => [line.handle, line]))
      return [...newest.values()]
        .map((line) => describe(line, line.handle === own, now()))
        .toSorted((a, b) => loginTime(b) - loginTime(a) || (a.handle < b.handle ? -1 : 1))
    },
    async revoke(userId, handle) {
      checkText(userId, 'userId')
      return (await endWhere(userId, 'user', (line) => line.handle === handle)) > 0
    },
    async revokeOthers(session) {
      const { userId } = session
      checkText(userId, 'session.userId')
      const own = await currentHandle(session)
      return endWhere(userId, 'others', ({ handle }) => handle !== own)
    },
    async revokeAll(userId) {
      checkText(userId, 'userId')
      const known = await lines.of(userId)
      const count = await lines.endAll(userId)
      for (const { id } of known) onEvent({ type: 'revoked', id, userId, by: 'all' })
      return count
    },
    async revokeByIdp({ iss, sid }, userId) {
      checkText(iss, 'iss')
      check(sid !== undefined || userId !== undefined, 'sid', 'or the user must be given')
      const noted = sid === undefined ? [] : await usersOfIdpSession(guarded, { iss, sid })
      const isDoomed = ({ record: { auth } }: UserLine): boolean =>
        auth?.idp?.iss === iss && (sid === undefined || auth.idp.sid === sid)
      let count = 0
      for (const user of userId === undefined ? noted : [userId]) {
        count += await endWhere(user, 'idp', isDoomed)
      }
      return count
    },
  }
  if (!isWatchable(store)) return sessions
  const watch = createSessionWatch(store, lines, onEvent)
  return {
    ...sessions,
    async onRevoked(session, ended) {
      const id = typeof session === 'string' ? session : session.id
      check(id !== null, 'The session', 'is not stored yet; commit it first')
      return watch(id, ended)
    },
  }
}

function describe({ expiresAt, handle, record }: UserLine, isCurrent: boolean, now: number): UserSession {
  const { auth, authenticatedAt, createdAt, seenAt, userId } = record
  const known = auth === null ? null : authenticationAt(auth, authenticatedAt ?? createdAt, now)
  return {
    handle,
    createdAt: new Date(createdAt),
    lastSeenAt: new Date(seenAt),
    expiresAt: new Date(expiresAt),
    authenticatedAt: authenticatedAt === null ? null : new Date(authenticatedAt),
    label: known?.label ?? null,
    client: known?.client ?? {},
    amr: known?.amr ?? [],
    aal: known?.aal ?? null,
    userId,
    actor: auth?.actor ?? null,
    isCurrent,
  }
}

function byIssue(one: UserLine, other: UserLine): number {
  return one.record.issuedAt - other.record.issuedAt
}

function loginTime({ authenticatedAt, createdAt }: UserSession): number {
  return (authenticatedAt ?? createdAt).getTime()
}

/** A user that is undefined by mistake must not look like one without sessions. */
function checkText(text: unknown, option: string): asserts text is string {
  check(typeof text === 'string' && text !== '', option, 'must be a string that is not empty')
}
