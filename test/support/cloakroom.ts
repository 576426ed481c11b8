import {
  createSessionManager,
  type SessionEvent,
  type SessionId,
  type SessionManager,
  type SessionManagerOptions,
} from '@coatcheck/core'
import { memoryStore, type MemoryStore } from '@coatcheck/core/memory-store'
import type { Browser } from './browser.ts'
import { countedVisits, type CountedVisits } from './counted-visits.ts'
import { countingStore, type CountingStore } from './counting-store.ts'

export type { Visit } from './counted-visits.ts'

/** What the tests keep in a session. */
export interface Goods {
  views: number
  cart: string[]
  theme: string
  notice: string
}

export const second = 1000
export const minute: number = 60 * second
export const hour: number = 60 * minute
export const day: number = 24 * hour

/** Secrets that are random, but the same in each run. */
export const secret = 'kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'
export const newerSecret = 'pQ7vZx2mKs9Lr4TnWc6HbYd8JfGa3Ue5Oi1RtEwXq0z'

/** A session manager over a memory store that counts, with a clock that only the test turns. */
export interface Cloakroom<Data extends object> extends CountedVisits<Data> {
  readonly sessions: SessionManager<Data>
  readonly store: CountingStore
  /** The store behind the counter, for what only it can do. */
  readonly memory: MemoryStore
  /** All events so far. */
  readonly events: SessionEvent[]
  readonly now: () => number
  /** Lets time pass. */
  wait(milliseconds: number): void
  /** Another manager over the same store and clock. */
  reopen<Other extends object = Data>(options: Partial<SessionManagerOptions<Other>>): Cloakroom<Other>
}

interface Clock {
  time: number
}

/** Who looks over all cloakrooms: makes their managers, and sees their stores. */
export interface CloakroomWatch {
  readonly createManager: typeof createSessionManager
  opened(store: CountingStore): void
}

const unwatched: CloakroomWatch = { createManager: createSessionManager, opened() {} }
let watch = unwatched

/** Puts all cloakrooms that are opened from now on under a watch. @returns What ends it. */
export function watchCloakrooms(by: CloakroomWatch): () => void {
  watch = by
  return () => {
    watch = unwatched
  }
}

export function openCloakroom<Data extends object = Goods>(
  options: Partial<SessionManagerOptions<Data>> = {},
  clock: Clock = { time: Date.UTC(2026, 10, 21, 9, 30) },
  memory: MemoryStore = memoryStore({ now: () => clock.time }),
  store: CountingStore = countingStore(memory),
): Cloakroom<Data> {
  const events: SessionEvent[] = []
  const now = (): number => clock.time
  watch.opened(store)
  const sessions = watch.createManager<Data>({
    secrets: [secret],
    store,
    now,
    onEvent: (event) => events.push(event),
    ...options,
  })

  return {
    sessions,
    store,
    memory,
    events,
    now,
    wait: (milliseconds) => {
      clock.time += milliseconds
    },
    reopen: (more) => openCloakroom({ now, ...more }, clock, memory, store),
    ...countedVisits(sessions, store, events),
  }
}

/** The id that a browser's cookie names. */
export function idOf(browser: Browser): SessionId {
  return browser.value().split('.')[0] as SessionId
}

/** The types of events, in order. */
export function typesOf(events: readonly SessionEvent[]): SessionEvent['type'][] {
  return events.map(({ type }) => type)
}
