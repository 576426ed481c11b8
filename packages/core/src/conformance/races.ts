import { newSessionId, type SessionId } from '../crypto/token.ts'
import type { SessionEvent } from '../manager/events.ts'
import { createSessionManager } from '../manager/store-manager.ts'
import type { SessionManager } from '../manager/session-manager.ts'
import { deadlineOf } from '../session/lifetime.ts'
import { decodeRecord, isTombstone, type SessionRecord } from '../session/record.ts'
import type { Session } from '../session/session.ts'
import { isUserIndexed, type AtomicStore } from '../store/store.ts'
import { exploreInterleavings, type Actor, type Footprint, type Gate } from './scheduler.ts'

/** What an actor does; all act on one session, with the cookie that its owner had before. */
export type ActorKind =
  | 'set'
  | 'update'
  | 'login'
  | 'login of another user'
  | 'rotate'
  | 'destroy'
  | 'revoke'
  | 'touch'
  | 'expiry'

export const actorKinds: readonly ActorKind[] = [
  'set',
  'update',
  'login',
  'login of another user',
  'rotate',
  'destroy',
  'revoke',
  'touch',
  'expiry',
]

/** `origin` marks the data of the session that all actors begin with. */
type RaceData = { origin?: true; count?: number } & Record<`actor${number}`, true>

/** How an actor fared: it found no session, lost it on the way, or did what it set out to do. */
type Outcome = 'refused' | 'gone' | 'done'

/** One run. Everything is real but the clock: the manager, the cookies, the store. */
interface World {
  readonly actors: readonly { readonly kind: ActorKind; outcome: Outcome }[]
  readonly users: readonly string[]
  /** The ids that a client has been told. */
  readonly told: Set<SessionId>
  /** The successors under which each id was given up. */
  readonly successors: Map<SessionId, Set<SessionId>>
  /** The kinds of actors that wrote under each id, the one that created it first; null stands for the owner before the race. */
  readonly writers: Map<SessionId, Set<ActorKind | null>>
  /** The users that each id has belonged to. */
  readonly owners: Map<SessionId, Set<string>>
  clock: number
}

/** A party to the race: a server with a manager of its own, over the store that all share. */
interface Server {
  readonly manager: SessionManager<RaceData>
  readonly kind: ActorKind | null
  world: World
  gate: Gate
  readonly events: SessionEvent[]
}

const url = 'https://race.test/'
const idle = 3_600_000
const lifetime = { idle, absolute: 24 * idle }
const freely: Gate = (_footprint, step) => step()
const everything: Footprint = { key: null, writes: true }

/**
 * Runs these actors through all interleavings of their store calls; throws with the order of calls when one ends
 * with a lost update, a resurrection, a live orphan, an id of two owners, or two successors of a rotation.
 *
 * @returns How many interleavings there are.
 */
export async function race(store: AtomicStore, kinds: readonly ActorKind[]): Promise<number> {
  const secret = newSessionId()
  const owner = createServer(store, secret, null)
  const servers = kinds.map((kind) => createServer(store, secret, kind))
  const prepare = async (): Promise<{ world: World; actors: readonly Actor[] }> => {
    const world = createWorld(kinds)
    for (const server of [owner, ...servers]) server.world = world
    const cookie = await visit(owner, null, (session) => {
      session.set('origin', true)
      session.set('count', 0)
      session.login(world.users[0]!)
    })
    // From here on a visit is old enough to be recorded.
    world.clock += idle / 2
    return { world, actors: servers.map((server, index) => actorOf(server, index, cookie, store)) }
  }
  return exploreInterleavings(prepare, async (world, order) => {
    const fault = faultOf(world, await liveRecords(store, world))
    if (fault === null) return
    const names = kinds.map((kind, index) => `${index} = ${kind}`).join(', ')
    throw new Error(`${fault} when the store is called in the order ${order} (${names}).`)
  })
}

function createWorld(kinds: readonly ActorKind[]): World {
  const users = [`user-${newSessionId()}`, `other-${newSessionId()}`]
  const actors = kinds.map((kind) => ({ kind, outcome: 'refused' as Outcome }))
  return {
    actors,
    users,
    told: new Set(),
    successors: new Map(),
    writers: new Map(),
    owners: new Map(),
    clock: Date.now(),
  }
}

function createServer(store: AtomicStore, secret: string, kind: ActorKind | null): Server {
  const events: SessionEvent[] = []
  const observed: AtomicStore = {
    get: (id) => server.gate({ key: id, writes: false }, async () => store.get(id)),
    set: (id, record) => server.gate({ key: id, writes: true }, async () => store.set(id, record)),
    delete: (id) => server.gate({ key: id, writes: true }, async () => store.delete(id)),
    compareAndSet: (id, next, expected) =>
      server.gate({ key: id, writes: true }, async () => {
        const written = await store.compareAndSet(id, next, expected)
        const decoded = next === null ? null : decodeRecord(next)
        const { owners, successors, writers } = server.world
        if (written && decoded !== null) {
          if (isTombstone(decoded)) addTo(successors, id, decoded.successor)
          else {
            addTo(owners, id, decoded.userId ?? 'nobody')
            addTo(writers, id, server.kind)
          }
        }
        return written
      }),
  }
  const manager = createSessionManager<RaceData>({
    secrets: [secret],
    store: observed,
    lifetime: { idle: `${idle / 1000}s`, absolute: `${(24 * idle) / 1000}s` },
    onEvent: (event) => events.push(event),
    now: () => server.world.clock,
  })
  const server: Server = { manager, kind, world: createWorld([]), gate: freely, events }
  return server
}

function addTo<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value): void {
  map.set(key, (map.get(key) ?? new Set()).add(value))
}

/** One request with this cookie. @returns The cookie that its client then has. */
async function visit(
  server: Server,
  cookie: string | null,
  act: (session: Session<RaceData>) => void,
): Promise<string> {
  const session = await server.manager.load(new Request(url, { headers: cookie === null ? {} : { cookie } }))
  act(session)
  const fields = new Headers()
  const headers = await server.manager.commit(session)
  headers.applyTo(fields)
  const [pair = ''] = (fields.get('set-cookie') ?? '').split(';')
  const [, token = ''] = pair.split('=')
  if (token !== '') server.world.told.add(token.split('.')[0] as SessionId)
  return token === '' ? (cookie ?? '') : pair
}

function actorOf(server: Server, index: number, cookie: string, store: AtomicStore): Actor {
  const { world } = server
  const self = world.actors[index]!
  return async (gate) => {
    server.gate = gate
    server.events.length = 0
    if (self.kind === 'expiry') {
      await gate(everything, async () => void (world.clock += lifetime.absolute))
      self.outcome = 'done'
    } else if (self.kind === 'revoke' && isUserIndexed(store)) {
      await gate(everything, () => store.deleteByUser(world.users[0]!))
      self.outcome = 'done'
    } else {
      await visit(server, cookie, (session) => {
        if (session.isNew) return
        self.outcome = 'done'
        change(session, self.kind, index, world)
      })
      if (server.events.some(({ type }) => type === 'gone')) self.outcome = 'gone'
    }
  }
}

function change(session: Session<RaceData>, kind: ActorKind, index: number, world: World): void {
  if (kind === 'set') session.set(`actor${index}`, true)
  if (kind === 'update') session.update('count', (count = 0) => count + 1)
  if (kind === 'login') session.login(world.users[0]!)
  if (kind === 'login of another user') session.login(world.users[1]!)
  if (kind === 'rotate') session.rotate()
  // Without a user index, a session is revoked by its id, which is what destroying it does.
  if (kind === 'destroy' || kind === 'revoke') session.destroy()
}

async function liveRecords(store: AtomicStore, world: World): Promise<ReadonlyMap<SessionId, SessionRecord>> {
  const live = new Map<SessionId, SessionRecord>()
  for (const id of world.owners.keys()) {
    const stored = await store.get(id)
    const decoded = stored === null ? null : decodeRecord(stored)
    if (decoded === null || isTombstone(decoded) || deadlineOf(decoded, lifetime) <= world.clock) continue
    live.set(id, decoded)
  }
  return live
}

/** What is wrong with how the race ended, or null. */
function faultOf(world: World, live: ReadonlyMap<SessionId, SessionRecord>): string | null {
  const { actors, owners, successors, told, writers } = world
  const done = (...kinds: ActorKind[]): boolean =>
    actors.some(({ kind, outcome }) => kinds.includes(kind) && outcome === 'done')
  const originals = [...live.values()].filter(({ values }) => Object.hasOwn(values, 'origin'))
  if ([...live.keys()].some((id) => !told.has(id))) return 'A live orphan is left'
  if ([...owners.values()].some((users) => users.size > 1)) return 'An id had two owners'
  if ([...successors.values()].some((heirs) => heirs.size > 1)) return 'An id has two successors'
  if ([...writers.values()].some(([first, ...later]) => first?.startsWith('login') && later.length > 0)) {
    return 'A request from before a login wrote into the session after it'
  }
  const [first] = owners.keys()
  if (done('rotate', 'login', 'login of another user') && first !== undefined && live.has(first)) {
    return 'An id lives on that was to be replaced'
  }
  if (originals.length > 1) return 'The session lives under two ids'
  const ended = done('destroy', 'revoke', 'expiry')
  if (ended && originals.length > 0) return 'An ended session came back'
  if (!ended && !done('login of another user')) {
    if (originals.length === 0) return 'The session was lost'
    if (live.size > 1) return 'One session became two'
    if (!done('login') && actors.some(({ outcome }) => outcome === 'gone'))
      return 'A request was told that a living session is gone'
  }
  return originals.map(({ values }) => lostUpdateIn(values, actors)).find((fault) => fault !== null) ?? null
}

function lostUpdateIn(values: SessionRecord['values'], actors: World['actors']): string | null {
  const updates = actors.filter(({ kind, outcome }) => kind === 'update' && outcome === 'done').length
  if (values['count'] !== updates) return `An update was lost (${String(values['count'])} of ${updates})`
  const lost = actors.some(
    ({ kind, outcome }, index) =>
      kind === 'set' && outcome === 'done' && !Object.hasOwn(values, `actor${index}`),
  )
  return lost ? 'A value that was set is missing' : null
}
