import type { SessionEvent, SessionManager } from '@coatcheck/core'
import {
  createCookieSessionManager,
  revocationStore,
  type CookieSessionManagerOptions,
  type Revocation,
} from '@coatcheck/core/cookie-session'
import { memoryStore, type MemoryStore } from '@coatcheck/core/memory-store'
import { Browser } from './browser.ts'
import { secret, type Goods } from './cloakroom.ts'
import { countedVisits, type CountedVisits } from './counted-visits.ts'
import { countingStore, type CountingStore } from './counting-store.ts'

/** A manager of sealed sessions, with a clock that only the test turns, and a counted store for what has ended. */
export interface SealedCloakroom<Data extends object> extends CountedVisits<Data> {
  readonly sessions: SessionManager<Data>
  /** What has ended; the manager asks it unless it was opened with `revocation: 'none'`. */
  readonly revocation: Revocation
  readonly store: CountingStore
  /** The store behind the counter. */
  readonly memory: MemoryStore
  /** All events so far, those of the revocation included. */
  readonly events: SessionEvent[]
  readonly now: () => number
  /** Lets time pass. */
  wait(milliseconds: number): void
  /** Another manager with the same clock and the same revocation. */
  reopen<Other extends object = Data>(
    options: Partial<CookieSessionManagerOptions<Other>>,
  ): SealedCloakroom<Other>
}

interface Clock {
  time: number
}

/** What rooms share that were made of one another. */
interface Cellar {
  readonly clock: Clock
  readonly memory: MemoryStore
  readonly store: CountingStore
  readonly events: SessionEvent[]
  readonly revocation: Revocation
}

function dig(wrap: (memory: MemoryStore) => MemoryStore = (memory) => memory): Cellar {
  const clock = { time: Date.UTC(2026, 10, 21, 9, 30) }
  const now = (): number => clock.time
  const memory = memoryStore({ now })
  const store = countingStore(wrap(memory))
  const events: SessionEvent[] = []
  const onEvent = (event: SessionEvent): void => void events.push(event)
  // Longer than any lifetime of the tests.
  return {
    clock,
    memory,
    store,
    events,
    revocation: revocationStore(store, { keepFor: '60d', now, onEvent }),
  }
}

export function openSealed<Data extends object = Goods>(
  options: Partial<CookieSessionManagerOptions<Data>> = {},
  cellar: Cellar = dig(),
): SealedCloakroom<Data> {
  const { clock, events, memory, revocation, store } = cellar
  const now = (): number => clock.time
  const sessions = createCookieSessionManager<Data>({
    secrets: [secret],
    revocation,
    now,
    onEvent: (event) => events.push(event),
    ...options,
  })

  return {
    sessions,
    revocation,
    store,
    memory,
    events,
    now,
    wait: (milliseconds) => {
      clock.time += milliseconds
    },
    reopen: (more) => openSealed(more, cellar),
    ...countedVisits(sessions, store, events),
  }
}

/** A room whose revocation is kept in this wrapping of a memory store. */
export function openSealedOver(wrap: (memory: MemoryStore) => MemoryStore): SealedCloakroom<Goods> {
  return openSealed({}, dig(wrap))
}

/** The names and values of a browser's cookies. */
export function jarOf(browser: Browser): Map<string, string> {
  const pairs = (browser.cookie ?? '').split('; ').filter((pair) => pair !== '')
  return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
}

/** Who is signed in for this browser, without a visit. */
export async function userOf<Data extends object>(
  room: SealedCloakroom<Data>,
  browser: Browser,
): Promise<string | null> {
  return (await room.load(browser)).userId
}

/** A browser with these cookies. */
export function browserWith(cookies: Iterable<readonly [name: string, value: string]>): Browser {
  return new Browser('https://shop.test', cookies)
}
