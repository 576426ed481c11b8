import { describe, expect, test } from 'vitest'
import { guardStore } from '../backend/guarded-store.ts'
import { createSessionRecords } from '../backend/session-records.ts'
import { create, end, type StoreParts } from '../backend/store-backend.ts'
import { move } from '../backend/move.ts'
import { exploreInterleavings, type Actor, type Gate } from '../conformance/scheduler.ts'
import type { SessionId } from '../crypto/token.ts'
import { memoryStore, type MemoryStore } from '../memory-store.ts'
import { loginChange } from '../session/authentication.ts'
import { handleOf } from '../session/public-handle.ts'
import { createLifetime } from '../session/lifetime.ts'
import { createDataGuard } from '../session/schema.ts'
import { createSessionState, type LiveRecord } from '../session/state.ts'
import { run } from '../steps.ts'
import type { SessionEvent } from './events.ts'
import { createLogins } from './logins.ts'
import type { MaxSessions } from './store-options.ts'

type OnLimit = MaxSessions['onLimit']

const lifetime = createLifetime({ idle: '1h', absolute: '12h' })
const freely: Gate = (_footprint, step) => step()

/** One store, and servers over it. The clock stands still: who came first is not decided by it. */
function openHouse(maxSessions: MaxSessions) {
  const now = (): number => Date.UTC(2026, 10, 21)
  const memory = memoryStore({ now })
  const events: SessionEvent[] = []
  const onEvent = (event: SessionEvent): void => void events.push(event)
  const sessionIds = new Set<SessionId>()

  /** A server; `rule` is the limit that it knows. */
  function server(gate: Gate = freely, rule: MaxSessions | null = maxSessions) {
    const store = gatedStore(memory, gate, sessionIds)
    const guard = createDataGuard(undefined, undefined)
    const records = createSessionRecords(guardStore(store, onEvent), guard, lifetime, now)
    const backend: StoreParts = { records, guard, rotationGrace: 60_000, now, onEvent }
    const writeLogin = createLogins({ store, maxSessions: rule, lifetime, onEvent, now })
    return {
      /** Signs a user in, in the place of a session if there is one. */
      async login(userId = 'ann', origin: LiveRecord | null = null): Promise<LiveRecord | null> {
        const state = createSessionState(origin, now())
        state.change = loginChange(userId, {}, now())
        const write = origin === null ? create(backend, state) : move(backend, state, origin)
        return run(writeLogin(state, write))
      },
      logout: async (live: LiveRecord) => run(end(backend, live)),
      async rotate(live: LiveRecord): Promise<LiveRecord | null> {
        const state = createSessionState(live, now())
        state.rotate = true
        return run(move(backend, state, live))
      },
    }
  }
  return { memory, events, server }
}

type House = ReturnType<typeof openHouse>

/** The sessions of a user are one thing to the scheduler, since they are counted together; each roster is one of its own. */
function gatedStore(store: MemoryStore, gate: Gate, sessionIds: Set<SessionId>): MemoryStore {
  const keyOf = (id: SessionId): string => (sessionIds.has(id) ? 'sessions' : id)
  return {
    ...store,
    get: (id) => gate({ key: keyOf(id), writes: false }, async () => store.get(id)),
    compareAndSet(id, next, expected) {
      if (next !== null && !next.payload.includes('roster')) sessionIds.add(id)
      return gate({ key: keyOf(id), writes: true }, async () => store.compareAndSet(id, next, expected))
    },
    listByUser: (userId) => gate({ key: 'sessions', writes: false }, () => store.listByUser(userId)),
  }
}

async function liveHandles({ memory }: House, userId = 'ann'): Promise<string[]> {
  return [...(await memory.listByUser(userId)).values()].map(({ payload }) => JSON.parse(payload).auth.handle)
}

const refusal = { name: 'SessionError', code: 'ERR_SESSION_LIMIT' }

describe.for(['reject', 'evict-oldest'] as const)('ASVS-7.1.2 with %s', (onLimit) => {
  test('there are never more sessions than the limit, and users do not share it', async () => {
    const house = openHouse({ limit: 2, onLimit })
    const { login } = house.server()
    for (let round = 0; round < 5; round++) {
      await login().catch((error: unknown) => expect(error).toMatchObject(refusal))
      expect((await liveHandles(house)).length).toBe(Math.min(round + 1, 2))
    }
    await login('bob')
    expect((await liveHandles(house, 'bob')).length).toBe(1)
  })

  test('a login in the place of an own session needs no further one, also after a rotation', async () => {
    const house = openHouse({ limit: 1, onLimit })
    const { login, rotate } = house.server()
    let session = (await login())!
    for (let round = 0; round < 3; round++) {
      session = (await rotate(session))!
      session = (await login('ann', session))!
      expect(await liveHandles(house)).toEqual([handleOf(session.record)])
    }
    expect(house.events.filter(({ type }) => type === 'revoked')).toEqual([])
  })

  test('a place that a logout has freed can be taken at once', async () => {
    const house = openHouse({ limit: 1, onLimit })
    const { login, logout } = house.server()
    for (let round = 0; round < 3; round++) await logout((await login())!)
    expect(await login()).not.toBeNull()
    expect(house.events.filter(({ type }) => type === 'revoked')).toEqual([])
  })

  test('sessions from before there was a limit count, and are the oldest', async () => {
    const house = openHouse({ limit: 2, onLimit })
    const free = house.server(freely, null)
    const old = [(await free.login())!, (await free.login())!, (await free.login())!]
    const outcome: unknown = await house
      .server()
      .login()
      .catch((error: unknown) => error)
    if (onLimit === 'reject') expect(outcome).toMatchObject(refusal)
    const left = await liveHandles(house)
    expect(left.length).toBe(onLimit === 'reject' ? 3 : 2)
    expect(old.filter(({ record }) => left.includes(handleOf(record))).length).toBe(
      onLimit === 'reject' ? 3 : 1,
    )
  })

  for (const { limit, logins, before } of [
    { limit: 1, logins: 2, before: 0 },
    { limit: 2, logins: 2, before: 1 },
  ]) {
    test(`in every order of ${logins} parallel logins beside ${before}, exactly ${limit} are left`, async () => {
      const orders = await explore(limit, logins, before, onLimit)
      expect(orders).toBeGreaterThan(30)
    }, 120_000)
  }

  test('so it is in 50 random orders of four logins and two places', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const house = openHouse({ limit: 2, onLimit })
      const gate = shuffledGate(seed)
      const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => house.server(gate).login()))
      expect([seed, (await liveHandles(house)).length]).toEqual([seed, 2])
      const refused = outcomes.filter(({ status }) => status === 'rejected').length
      expect([seed, refused]).toEqual([seed, onLimit === 'reject' ? 2 : 0])
    }
  })

  test('two logins in the place of one session lead to one session, in every order', async () => {
    const orders = await exploreInterleavings<House>(
      async () => {
        const house = openHouse({ limit: 1, onLimit })
        const session = (await house.server().login())!
        const actor: Actor = async (gate) => {
          expect(await house.server(gate).login('ann', session)).not.toBeNull()
        }
        return { world: house, actors: [actor, actor] }
      },
      async (house) => expect((await liveHandles(house)).length).toBe(1),
    )
    expect(orders).toBeGreaterThan(10)
  }, 120_000)
})

async function explore(limit: number, logins: number, before: number, onLimit: OnLimit): Promise<number> {
  interface World {
    readonly house: House
    readonly outcomes: string[]
  }
  return exploreInterleavings<World>(
    async () => {
      const house = openHouse({ limit, onLimit })
      for (let at = 0; at < before; at++) await house.server().login()
      const outcomes: string[] = []
      const actor: Actor = async (gate) => {
        const login = house.server(gate).login()
        await login.then(
          () => outcomes.push('in'),
          (error: { code: string }) => outcomes.push(error.code),
        )
      }
      return { world: { house, outcomes }, actors: Array.from({ length: logins }, () => actor) }
    },
    async ({ house, outcomes }, order) => {
      const left = (await liveHandles(house)).length
      const places = onLimit === 'reject' ? limit - before : logins
      const entered = outcomes.filter((outcome) => outcome === 'in').length
      expect([order, left, entered, outcomes.length]).toEqual([order, limit, places, logins])
    },
  )
}

/** Lets one waiting step after another happen, in an order that the seed decides. */
function shuffledGate(seed: number): Gate {
  const waiting: (() => void)[] = []
  let state = seed * 2_654_435_761 + 1
  let running = false
  const pump = async (): Promise<void> => {
    running = true
    for (await settled(); waiting.length > 0; await settled()) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      waiting.splice((state >>> 8) % waiting.length, 1)[0]!()
    }
    running = false
  }
  return (_footprint, step) =>
    new Promise((resolve, reject) => {
      waiting.push(() => void step().then(resolve, reject))
      if (!running) void pump()
    })
}

/** A macrotask: digests come from another thread, and everybody who can ask has asked before the next draw. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))
