import { describe, expect, test } from 'vitest'
import { exploreInterleavings, type Actor, type Gate } from '../conformance/scheduler.ts'
import { newSessionId } from '../crypto/token.ts'
import { memoryStore } from '../memory-store.ts'
import type { Maybe } from '../steps.ts'
import type { AtomicStore } from '../store/store.ts'
import type { SealedLine } from './revocation-record.ts'
import { noteLine } from './revocation-registry.ts'
import { revocationListOf, type RevocationList } from './revocation-list.ts'
import { revocationStore, type Revocation } from './revocation.ts'

const day = 86_400_000
const grace = 60_000
const noon = Date.UTC(2026, 10, 21, 12)

/** What an actor does; all come with one cookie of ann's, except for who ends another session of hers. */
const kinds = [
  'look',
  'log out',
  'log out elsewhere',
  'rotate',
  'step up',
  'log in as ann',
  'log in as bob',
  'revoke ann',
  'revoke others',
  'write',
] as const
type Kind = (typeof kinds)[number]

/** How an actor fared. */
interface Deed {
  readonly kind: Kind
  outcome: 'refused' | 'gone' | 'stale' | 'done'
  /** What its client was told. */
  told: SealedLine | null
  /** Whether a login brought something over. */
  carried: boolean
  /** When binding or cutting off began and ended, in calls of the store. */
  from: number
  to: number
}

interface World {
  readonly list: RevocationList
  readonly own: SealedLine
  readonly other: SealedLine
  readonly deeds: readonly Deed[]
  /** How many calls of the store there were. */
  calls: number
  now: number
}

interface Server {
  readonly list: RevocationList
  readonly revocation: Revocation
}

async function prepare(
  race: readonly Kind[],
  strict: boolean,
): Promise<{ world: World; actors: readonly Actor[] }> {
  const memory = memoryStore({ now: () => world.now })
  const open = (store: AtomicStore, off: number): Server => {
    const now = (): number => world.now + off
    const revocation = revocationStore(store, { now })
    const parts = { now, onEvent: () => {}, rotationGrace: grace, absolute: 14 * day, strict }
    return { revocation, list: revocationListOf(revocation, parts) }
  }
  const blank = { outcome: 'refused', told: null, carried: false, from: 0, to: 0 } as const
  const deeds = race.map((kind): Deed => ({ kind, ...blank }))
  const world: World = { deeds, calls: 0, now: noon } as never
  const { list } = open(memory, 0)
  const [own, other] = [await login(list, 'ann'), await login(list, 'ann')]
  Object.assign(world, { list, own, other })
  const actors = deeds.map((deed, index): Actor => async (gate) => {
    // The clock of every second server is ahead.
    await act(open(gated(memory, gate, world), index * 5000), world, deed)
  })
  return { world, actors }
}

function gated(store: AtomicStore, gate: Gate, world: World): AtomicStore {
  const counted = <Result>(key: string, writes: boolean, step: () => Maybe<Result>): Promise<Result> =>
    gate({ key, writes }, async () => {
      world.calls++
      return step()
    })
  return {
    ...store,
    get: (id) => counted(id, false, () => store.get(id)),
    compareAndSet: (id, next, expected) => counted(id, true, () => store.compareAndSet(id, next, expected)),
  }
}

async function login(list: RevocationList, owner: string): Promise<SealedLine> {
  const id = newSessionId()
  const boundAt = await list.bind(owner)
  const times = { boundAt, until: noon + 14 * day }
  return { id, first: id, turns: 0, version: 1, handle: newSessionId(), owner, ...times }
}

async function act(server: Server, world: World, deed: Deed): Promise<void> {
  const { list, revocation } = server
  const { kind } = deed
  const line = { ...(kind === 'log out elsewhere' ? world.other : world.own) }
  const verdict = await list.judge(line)
  if (verdict.state === 'refused' && kind !== 'revoke ann') return
  const session = { id: line.id, userId: 'ann' }
  noteLine(session, line)
  deed.from = world.calls
  deed.outcome = 'done'
  if (kind === 'log out' || kind === 'log out elsewhere') await list.end(line)
  if (kind === 'revoke ann') await revocation.revokeUser('ann')
  if (kind === 'revoke others') await revocation.revokeOthers(session)
  if (kind === 'write') deed.outcome = await list.advance(line)
  if ((kind === 'rotate' || kind === 'step up') && verdict.state === 'live') {
    const turn = await list.move(line, newSessionId(), kind === 'rotate' ? world.now + grace : 0)
    if (typeof turn === 'string') deed.outcome = turn
    else deed.told = { ...line, ...turn, version: line.version + 1 }
  }
  if (kind === 'log in as ann' || kind === 'log in as bob') {
    const next = await login(list, kind === 'log in as ann' ? 'ann' : 'bob')
    deed.to = world.calls
    const outcome = await list.replace(line, next)
    deed.carried = outcome === 'done'
    if (outcome === 'stale') deed.outcome = outcome
    else deed.told = next
  }
  deed.to ||= world.calls
}

/** What is wrong with how the race ended, or null. */
async function faultOf({ deeds, list, other, own }: World, strict: boolean): Promise<string | null> {
  const done = (kind: Kind): Deed[] => deeds.filter((deed) => deed.kind === kind && deed.outcome === 'done')
  const stateOf = async (line: SealedLine): Promise<string> => (await list.judge(line)).state
  const [ends, cuts] = [done('log out'), [...done('revoke ann'), ...done('revoke others')]]
  const logins = [...done('log in as ann'), ...done('log in as bob')]
  const moves = [...done('rotate'), ...done('step up')].filter(({ told }) => told !== null)
  const revoked = done('revoke ann').length > 0
  const dead = ends.length > 0 || revoked
  const ownState = await stateOf(own)
  if (dead && ownState !== 'refused') return 'The session came back'
  if (logins.length > 0 && ownState !== 'refused') return 'The session outlived the login'
  if (done('step up').some(({ told }) => told) && ownState !== 'refused') return 'The id outlived the step-up'
  if (moves.length > 0 && ownState === 'live') return 'The id is as good as the one that replaced it'
  if ((await stateOf(other)) !== (done('log out elsewhere').length + cuts.length > 0 ? 'refused' : 'live')) {
    return 'The other session did not fare as it should'
  }
  for (const { told } of moves) {
    const state = await stateOf(told!)
    if ((dead || logins.length > 0) && state !== 'refused') return 'A successor outlived the session'
  }
  for (const deed of logins) {
    const state = await stateOf(deed.told!)
    const isLogoutLater = ends.length > 0 && deed.carried
    const isAnns = deed.kind === 'log in as ann'
    if (isAnns && cuts.some(({ from }) => from >= deed.to) && state !== 'refused')
      return 'A login outlived a cut-off'
    if (isLogoutLater && state !== 'refused') return 'A logout missed what the login began'
    const mayEnd = isLogoutLater || (isAnns && cuts.some(({ to }) => to > deed.from))
    if (!mayEnd && state !== 'live') return 'A login did not hold'
  }
  const writes = [...done('write'), ...moves]
  if (strict && writes.length > 1) return 'Two writes of one version were done'
  if (!dead && logins.length === 0) {
    const lines = moves.length > 0 ? moves.map(({ told }) => told!) : [own]
    const version = done('write').length > 0 ? 2 : 1
    const states = await Promise.all(
      lines.map((line) => stateOf(moves.length > 0 ? line : { ...line, version })),
    )
    if (!states.includes('live')) return 'The session was lost'
    const ids = new Set(done('rotate').flatMap(({ told }) => (told === null ? [] : [told.id])))
    if (ids.size > 1) return 'Two rotations went apart'
    if (strict && deeds.some(({ kind }) => kind === 'write') && writes.length === 0)
      return 'No write was done'
    const mayRefuse = done('step up').length > 0
    if (
      deeds.some(({ kind, outcome }) => outcome === 'refused' && kind !== 'log out elsewhere' && !mayRefuse)
    ) {
      return 'A request was refused'
    }
  }
  return null
}

const pairs = kinds.flatMap((one, index) => kinds.slice(index).map((other): [Kind, Kind] => [one, other]))

describe.for([false, true])('in every order of store calls (strict: %s)', (strict) => {
  // Only under strict is the list told of writes.
  test.for(pairs.filter((pair) => strict || !pair.includes('write')))('%s and %s', async (race) => {
    const orders = await exploreInterleavings(
      () => prepare(race, strict),
      async (world, order) => {
        const fault = await faultOf(world, strict)
        expect(fault === null ? null : `${fault}: ${order}`).toBeNull()
      },
    )
    expect(orders).toBeGreaterThan(0)
  })
})

test.for<[Kind, Kind, Kind]>([
  ['log out', 'rotate', 'step up'],
  ['log out', 'log in as bob', 'rotate'],
  ['revoke ann', 'revoke others', 'rotate'],
])('in every order of store calls, %s, %s and %s', async (race) => {
  const orders = await exploreInterleavings(
    () => prepare(race, false),
    async (world, order) => {
      const fault = await faultOf(world, false)
      expect(fault === null ? null : `${fault}: ${order}`).toBeNull()
    },
  )
  expect(orders).toBeGreaterThan(20)
})
