import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { snapshotOf, tokenName, withSnapshot } from '../../../../test/support/cached-room.ts'
import { minute, secret } from '../../../../test/support/cloakroom.ts'
import { raceSize } from '../../../../test/support/race-size.ts'
import { exploreInterleavings, type Actor, type Gate } from '../conformance/scheduler.ts'
import type { SessionId } from '../crypto/token.ts'
import { memoryStore } from '../memory-store.ts'
import { decodeRecord, isTombstone, type SessionRecord } from '../session/record.ts'
import type { Session } from '../session/session.ts'
import type { AtomicStore, StoredRecord } from '../store/store.ts'
import type { SessionEvent } from './events.ts'
import { createSessionManager } from './store-manager.ts'

type Kind = 'read' | 'set' | 'update' | 'login' | 'rotate' | 'destroy'
type Data = { origin?: true; count?: number } & Record<`actor${number}`, true>

/** What another client has done since the snapshot was made; `asks` stands for a jar without one. */
type Situation = 'fresh' | 'stale' | 'rotated' | 'ended' | 'asks'

const start = Date.UTC(2026, 10, 21)
const freely: Gate = (_, step) => step()

function act(session: Session<Data>, kind: Kind, index: number): void {
  if (kind === 'read') session.get('count')
  if (kind === 'set') session.set(`actor${index}`, true)
  if (kind === 'update') session.update('count', (count = 0) => count + 1)
  if (kind === 'login') session.login('ann')
  if (kind === 'rotate') session.rotate()
  if (kind === 'destroy') session.destroy()
}

/** A server that stays, over whatever store and gate there are at the time: to make one takes longer than a race. */
function createServer() {
  const server = {
    clock: start,
    memory: memoryStore(),
    gate: freely,
    events: [] as SessionEvent['type'][],
    written(_id: SessionId, _record: SessionRecord): void {},
  }
  const store: AtomicStore = {
    ...server.memory,
    get: (id) => server.gate({ key: id, writes: false }, async () => server.memory.get(id)),
    compareAndSet: (id, next, expected) =>
      server.gate({ key: id, writes: true }, async () => {
        const isWritten = await server.memory.compareAndSet(id, next, expected)
        const record = next && decodeRecord(next)
        if (isWritten && record !== null && !isTombstone(record)) server.written(id, record)
        return isWritten
      }),
  }
  const sessions = createSessionManager<Data>({
    secrets: [secret],
    store,
    cache: { for: '60s' },
    rotationGrace: '5m',
    onEvent: ({ type }) => server.events.push(type),
    now: () => server.clock,
  })
  return Object.assign(server, { sessions })
}

type Server = ReturnType<typeof createServer>

const servers = [createServer(), createServer(), createServer()]

/** One request with the cookies of one jar. @returns What it is answered. */
function visit(
  { sessions }: Server,
  from: Browser,
  change: (session: Session<Data>) => void,
): Promise<Response> {
  return sessions.handle(from.request(), (session) => {
    change(session)
    return new Response()
  })
}

/** A visitor with a snapshot, and what another client has done since. */
async function openShop(elsewhere: Situation) {
  const server = createServer()
  const ids = new Set<SessionId>()
  server.memory = memoryStore({ now: () => server.clock })
  server.written = (id) => void ids.add(id)
  const jar = new Browser()
  const response = await visit(server, jar, (session) => {
    session.login('ann')
    session.set('origin', true)
    session.set('count', 0)
  })
  jar.receive(response)
  await visit(server, jar.copy(), (session) => {
    if (elsewhere === 'stale') session.update('count', (count = 0) => count + 100)
    if (elsewhere === 'rotated') session.rotate()
    if (elsewhere === 'ended') session.destroy()
  })
  const records: [SessionId, StoredRecord | null][] = []
  for (const id of ids) records.push([id, await server.memory.get(id)])
  return { jar, records }
}

const shops = new Map<Situation, Awaited<ReturnType<typeof openShop>>>()

/** Requests of one visitor at once. All answers come into one jar, in any order. */
async function prepare(kinds: readonly Kind[], situations: readonly Situation[]) {
  const elsewhere = situations.find((situation) => situation !== 'fresh' && situation !== 'asks') ?? 'fresh'
  const shop = shops.get(elsewhere) ?? (await openShop(elsewhere))
  shops.set(elsewhere, shop)
  const clock = { time: start }
  const memory = memoryStore({ now: () => clock.time })
  for (const [id, record] of shop.records) if (record !== null) await memory.set(id, record)
  const told = new Set<SessionId>(shop.records.map(([id]) => id))
  const owners = new Map<SessionId, Set<string | null>>()
  for (const id of told) owners.set(id, new Set(['ann']))
  const jar = shop.jar.copy()
  const outcomes = kinds.map(() => 'refused')

  function open(index: number, gate: Gate): Server {
    return Object.assign(servers[index]!, {
      clock: clock.time,
      memory,
      gate,
      events: [],
      written: (id: SessionId, { userId }: SessionRecord) =>
        owners.set(id, (owners.get(id) ?? new Set()).add(userId)),
    })
  }

  const actors = kinds.map<Actor>((kind, index) => async (gate) => {
    const server = open(index, gate)
    const response = await visit(
      server,
      situations[index] === 'asks' ? withSnapshot(shop.jar) : shop.jar,
      (session) => {
        // Who finds the session ended does not begin another.
        if (session.isNew) return
        outcomes[index] = 'done'
        act(session, kind, index)
      },
    )
    if (server.events.includes('gone')) outcomes[index] = 'gone'
    for (const field of response.headers.getSetCookie()) {
      const [, id] = /^__Host-Http-sid=([\w-]+)\./.exec(field) ?? []
      if (id !== undefined) told.add(id as SessionId)
    }
    // The order in which answers arrive is one more that has to be tried.
    await gate({ key: 'jar', writes: true }, async () => void jar.receive(response))
  })

  async function live(): Promise<ReadonlyMap<SessionId, SessionRecord>> {
    const found = new Map<SessionId, SessionRecord>()
    for (const id of owners.keys()) {
      const stored = await memory.get(id)
      const record = stored && decodeRecord(stored)
      if (record !== null && !isTombstone(record)) found.set(id, record)
    }
    return found
  }

  /** What a request with the cookies of the jar would see. */
  async function seen(fresh: boolean): Promise<unknown> {
    const session = await open(0, freely).sessions.load(jar.request(), { fresh })
    return session.isNew ? null : [session.id, session.keys().map((key) => [key, session.get(key)])]
  }
  return { world: { clock, elsewhere, jar, live, outcomes, owners, seen, told }, actors }
}

type World = Awaited<ReturnType<typeof prepare>>['world']

/** What is wrong with how the race ended, or null. */
async function faultOf(world: World, kinds: readonly Kind[]): Promise<string | null> {
  const { elsewhere, outcomes, owners, told } = world
  const live = await world.live()
  const done = (kind: Kind): number =>
    kinds.filter((each, index) => each === kind && outcomes[index] === 'done').length
  const originals = [...live.values()].filter(({ values }) => Object.hasOwn(values, 'origin'))
  if ([...live.keys()].some((id) => !told.has(id))) return 'a live orphan is left'
  if ([...owners.values()].some((users) => users.size > 1)) return 'an id had two owners'
  if (originals.length > 1) return 'the session lives under two ids'
  if (done('destroy') > 0 || elsewhere === 'ended') {
    if (originals.length > 0) return 'an ended session came back'
  } else {
    if (originals.length === 0) return 'the session was lost'
    if (live.size > 1) return 'one session became two'
    const lost = done('login') === 0 && outcomes.includes('gone')
    if (lost) return 'a request was told that a living session is gone'
  }
  for (const { values } of originals) {
    const count = done('update') + (elsewhere === 'stale' ? 100 : 0)
    if (values['count'] !== count) return `an update was lost (${String(values['count'])} of ${count})`
    for (const [index, kind] of kinds.entries()) {
      const missing = kind === 'set' && outcomes[index] === 'done' && !Object.hasOwn(values, `actor${index}`)
      if (missing) return 'a value that was set is missing'
    }
  }
  return faultOfJar(world)
}

/** What the browser has in the end is the store's, or older, and then for no longer than the bound. */
async function faultOfJar({ clock, jar, seen }: World): Promise<string | null> {
  const [known, newest] = [await seen(false), await seen(true)]
  const countIn = (view: unknown): number => Number(/"count",(\d+)/.exec(JSON.stringify(view))?.[1] ?? -1)
  if (newest !== null && countIn(known) > countIn(newest)) return 'the snapshot is of what never was'
  const hasToken = (jar.cookie ?? '').includes(`${tokenName}=`)
  if (!hasToken && known !== null) return 'a snapshot counts without a token'
  clock.time += minute
  const [later, then] = [await seen(false), await seen(true)]
  return JSON.stringify(later) === JSON.stringify(then) ? null : 'the snapshot outlives its time'
}

/** Runs the requests through all orders. @returns How many there are. */
function race(kinds: readonly Kind[], situations: readonly Situation[]): Promise<number> {
  return exploreInterleavings(
    () => prepare(kinds, situations),
    async (world, order) => {
      const fault = await faultOf(world, kinds)
      const names = kinds.map((kind, index) => `${index} = ${kind} (${situations[index]})`).join(', ')
      expect(fault, `in the order ${order} (${names})`).toBeNull()
    },
  )
}

const all: readonly Kind[] = ['read', 'set', 'update', 'login', 'rotate', 'destroy']
const pairs = all.flatMap((one, at) => all.slice(at).map((other) => [one, other] as const))
const settings: readonly (readonly [Situation, Situation])[] = [
  ['fresh', 'fresh'],
  ['stale', 'stale'],
  ['rotated', 'rotated'],
  ['ended', 'ended'],
  ['fresh', 'asks'],
  ['stale', 'asks'],
]

test.for(settings)(
  'two requests at once: in no order is anything lost or brought back, or a snapshot too old: %s and %s',
  async (situations) => {
    let orders = 0
    for (const kinds of pairs) {
      orders += await race(kinds, situations)
      const [one, other] = kinds
      // Which of them has the snapshot makes a difference.
      if (one !== other && situations[0] !== situations[1]) orders += await race([other, one], situations)
    }
    expect(orders).toBeGreaterThan(pairs.length)
  },
)

const triples: readonly (readonly [Situation, Kind, Kind, Kind])[] = [
  ['fresh', 'update', 'update', 'read'],
  ['fresh', 'set', 'rotate', 'read'],
  ['fresh', 'set', 'update', 'destroy'],
  ['fresh', 'set', 'set', 'update'],
  ['fresh', 'set', 'update', 'rotate'],
  ['fresh', 'update', 'login', 'destroy'],
  ['stale', 'update', 'update', 'read'],
  ...(raceSize === 3 ? ([['stale', 'set', 'update', 'destroy']] as const) : []),
]

test.for(triples)(
  'three requests at once, with a snapshot that is %s: %s, %s and %s',
  { timeout: 120_000 },
  async ([situation, ...kinds]) => {
    expect(await race(kinds, [situation, situation, situation])).toBeGreaterThan(5)
  },
)

test('the jar of the races has what it is to have: a snapshot that serves', async () => {
  const { world } = await prepare(['read'], ['fresh'])
  expect(snapshotOf(world.jar)).toHaveLength(1)
  expect(await world.seen(false)).toEqual(await world.seen(true))
  const { world: stale } = await prepare(['read'], ['stale'])
  expect(await stale.seen(false)).not.toEqual(await stale.seen(true))
})
