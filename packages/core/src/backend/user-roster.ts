import type { StoredRecord } from '../store/store.ts'
import { derivedId } from './derived-id.ts'
import type { GuardedStore } from './guarded-store.ts'

/** One login of a user that was admitted. */
export interface Seat {
  /** The handle of the session, known before the session is written. */
  readonly handle: string
  /** What it takes: the place of the session that it replaces, or else one of its own, named by its handle. */
  readonly place: string
  /** Until when the session may still be about to be written, in milliseconds since the epoch; 0 once that is decided. */
  readonly until: number
}

/** The logins of a user in the order in which they were admitted. */
export interface Roster {
  readonly seats: readonly Seat[]
  /** 0 when there is none yet. */
  readonly version: number
}

/**
 * One record for each user, beside the sessions and in the same store. By it, logins of one user that run in parallel
 * take turns, which sessions that are written one by one cannot. It is never removed, only left to expire: its version
 * counts on, so who has read an older one cannot write over a newer one.
 */
export interface UserRoster {
  read(): Promise<Roster>
  /** Writes over this version. @returns Whether that was the version there. */
  write(seats: readonly Seat[], version: number, expiresAt: number): Promise<boolean>
}

const format = 1

/** The roster of a user in a store. */
export async function openUserRoster(store: GuardedStore, userId: string): Promise<UserRoster> {
  const id = await derivedId('roster', userId)
  return {
    async read() {
      const stored = await store.get(id)
      return stored === null ? { seats: [], version: 0 } : { seats: seatsOf(stored), version: stored.version }
    },
    async write(seats, version, expiresAt) {
      const payload = JSON.stringify({ format, roster: seats })
      return store.compareAndSet(id, { payload, expiresAt, userId: null, version: version + 1 }, version)
    },
  }
}

/** A damaged roster counts as empty: the sessions themselves are still counted. */
function seatsOf({ payload }: StoredRecord): readonly Seat[] {
  try {
    const content = JSON.parse(payload) as { format?: unknown; roster?: unknown } | null
    const readable = content?.format === format && Array.isArray(content.roster)
    return readable ? (content.roster as Seat[]) : []
  } catch {
    return []
  }
}
