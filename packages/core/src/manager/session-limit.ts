import { guardStore } from '../backend/guarded-store.ts'
import { conflictError, maxAttempts } from '../backend/session-records.ts'
import { createUserLines, type UserLine, type UserStore } from '../backend/user-lines.ts'
import { openUserRoster, type Seat, type UserRoster } from '../backend/user-roster.ts'
import { SessionError } from '../errors.ts'
import type { Lifetime } from '../session/lifetime.ts'
import { handleOf } from '../session/public-handle.ts'
import { ownerOf } from '../session/record.ts'
import type { LiveRecord, SessionState } from '../session/state.ts'
import type { OnEvent } from './events.ts'
import type { MaxSessions } from './store-options.ts'

/** What the limit needs to know. */
export interface SessionLimitParts {
  readonly store: UserStore
  readonly maxSessions: MaxSessions
  readonly lifetime: Pick<Lifetime, 'absolute'>
  readonly onEvent: OnEvent
  readonly now: () => number
}

/** A login that was let in and is going to be written. */
export interface Admission {
  readonly userId: string
  readonly handle: string
  readonly roster: UserRoster
}

/** Holds each user to a number of sessions, also when logins run in parallel (ASVS 7.1.2). */
export interface SessionLimit {
  /**
   * Lets a login in, before anything of it is written: from then on its place is taken. A login in the place of an
   * own session takes no further one. Rejects with `ERR_SESSION_LIMIT` when there is none (`'reject'`).
   *
   * @returns Null when the request signs nobody in.
   */
  admit(state: SessionState): Promise<Admission | null>
  /**
   * Tells what has become of a login that was let in; to be called whenever `admit` was, before the response. Under
   * `'evict-oldest'` it ends the sessions that are too many; if the store fails at that, it ends this one and rejects.
   *
   * @param live What was written; null when nothing was.
   */
  settle(admission: Admission, live: LiveRecord | null): Promise<void>
}

/** A login that was let in is written within this time, or it was not. In milliseconds. */
const patience = 60_000

/** A roster outlives the sessions in it, and the calls that are on their way. In milliseconds. */
const shortestRoster = 3_600_000

/** Limits the sessions of users in a store. */
export function createSessionLimit(parts: SessionLimitParts): SessionLimit {
  const { lifetime, now, onEvent, store } = parts
  const { limit, onLimit } = parts.maxSessions
  const lines = createUserLines(store, onEvent, now)
  const guarded = guardStore(store, onEvent)
  const write = (roster: UserRoster, seats: readonly Seat[], version: number): Promise<boolean> =>
    roster.write(seats, version, now() + Math.max(lifetime.absolute, shortestRoster))

  /** The user's live sessions. One that gets another id in between may be passed over, but not twice. */
  async function liveOf(userId: string, seats: readonly Seat[]): Promise<Map<string, UserLine[]>> {
    const found = new Map<string, UserLine[]>()
    const look = async (): Promise<void> => {
      for (const line of await lines.of(userId)) {
        // Who acts as the user takes none of the user's places.
        const { actor = null } = line.record.auth ?? {}
        if (actor !== null && actor !== userId) continue
        found.set(line.handle, [...(found.get(line.handle) ?? []), line])
      }
    }
    await look()
    if (seats.some(({ handle, until }) => until === 0 && !found.has(handle))) await look()
    return found
  }

  async function admit({ change, ended, origin }: SessionState): Promise<Admission | null> {
    if (change?.kind !== 'login') return null
    const { actor, handle } = change.apply(null)
    // Who logs in and goes on as another takes a place of their own.
    const userId = actor ?? change.userId
    const before = (origin ?? ended)?.record
    const replaced = before !== undefined && ownerOf(before) === userId ? handleOf(before) : null
    const roster = await openUserRoster(guarded, userId)
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const { seats, version } = await roster.read()
      const live = await liveOf(userId, seats)
      const placeOf = placesOf(seats)
      const kept = seats.filter((seat) => live.has(seat.handle) || seat.until > now())
      const taken = new Set([...live.keys(), ...kept.map((seat) => seat.handle)].map(placeOf))
      const place = replaced === null ? handle : placeOf(replaced)
      taken.delete(place)
      if (onLimit === 'reject' && taken.size >= limit) {
        // While the sessions were counted, a login may have come to nothing.
        if ((await roster.read()).version !== version) continue
        throw new SessionError('ERR_SESSION_LIMIT', `The user has ${limit} sessions already; end one first.`)
      }
      const seat = { handle, place, until: now() + patience }
      if (await write(roster, [...kept, seat], version)) return { userId, handle, roster }
    }
    throw conflictError()
  }

  /** Notes that a seat is taken, or frees it. */
  async function close({ handle, roster }: Admission, landed: boolean): Promise<void> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const { seats, version } = await roster.read()
      const others = seats.filter((seat) => seat.handle !== handle)
      const next = landed
        ? seats.map((seat) => (seat.handle === handle ? { ...seat, until: 0 } : seat))
        : others
      if (others.length === seats.length || (await write(roster, next, version))) return
    }
  }

  /** All logins do so after they were written, so the last one sees them all. */
  async function evict({ roster, userId }: Admission): Promise<void> {
    let { seats } = await roster.read()
    const live = await liveOf(userId, seats)
    // Read after the sessions, the roster has all of them, but for those from before there was a limit.
    const isSeated = (name: string): boolean => seats.some(({ handle }) => handle === name)
    if (![...live.keys()].every(isSeated)) ({ seats } = await roster.read())
    const order = ({ handle }: UserLine): number => seats.findIndex((seat) => seat.handle === handle)
    const oldestFirst = [...live.values()]
      .flat()
      .toSorted((a, b) => order(a) - order(b) || a.record.createdAt - b.record.createdAt)
    const placeOf = placesOf(seats)
    const places = new Set(oldestFirst.map(({ handle }) => placeOf(handle)))
    const surplus = new Set([...places].slice(0, Math.max(0, places.size - limit)))
    for (const line of oldestFirst.filter(({ handle }) => surplus.has(placeOf(handle)))) {
      if (await lines.end(line)) onEvent({ type: 'revoked', id: line.id, userId, by: 'limit' })
    }
  }

  async function settle(admission: Admission, live: LiveRecord | null): Promise<void> {
    const landed = live !== null && handleOf(live.record) === admission.handle
    // Left open, the seat counts as taken for a minute, which the failure has been told about.
    await close(admission, landed).catch(() => {})
    if (!landed || onLimit === 'reject') return
    try {
      await evict(admission)
    } catch (error) {
      await lines.end({ ...live, handle: admission.handle }).catch(() => {})
      throw error
    }
  }

  return { admit, settle }
}

/** Requests that replace one session at the same time lead to one session, and have one place. */
function placesOf(seats: readonly Seat[]): (handle: string) => string {
  const places = new Map(seats.map(({ handle, place }) => [handle, place]))
  return (handle) => places.get(handle) ?? handle
}
