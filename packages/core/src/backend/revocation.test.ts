import { describe, expect, test } from 'vitest'
import { newSessionId, type SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import type { SessionEvent } from '../manager/events.ts'
import { memoryStore } from '../memory-store.ts'
import type { Maybe } from '../steps.ts'
import type { AtomicStore, Store, StoredRecord } from '../store/store.ts'
import type { SealedLine } from './revocation-record.ts'
import { revocationListOf, type RevocationList, type RevocationParts } from './revocation-list.ts'
import { noteLine } from './revocation-registry.ts'
import type { RevocationVerdict } from './revocation-rules.ts'
import { revocationStore, type Revocation } from './revocation.ts'

const day = 86_400_000
const grace = 60_000
const noon = Date.UTC(2026, 10, 21, 12)

/** A store whose calls are noted and can fail; everything else is real. */
function openHouse() {
  const calls: string[] = []
  const events: SessionEvent[] = []
  const time = { now: noon }
  const now = (): number => time.now
  const memory = memoryStore({ now })
  const records = new Map<SessionId, StoredRecord>()
  const house = {
    calls,
    events,
    time,
    now,
    memory,
    records,
    fault: null as null | ((call: string) => 'before' | 'after' | 'denied' | null),
  }
  const run = async <Result>(call: string, work: () => Maybe<Result>): Promise<Result> => {
    calls.push(call)
    const fault = house.fault?.(call) ?? null
    if (fault === 'before') throw new Error('down')
    const result = await work()
    if (fault === 'after') throw new Error('no answer')
    return fault === 'denied' ? (false as Result) : result
  }
  const store: AtomicStore = {
    ...memory,
    get: (id) => run('get', () => memory.get(id)),
    compareAndSet(id, next, expected) {
      if (next !== null) records.set(id, next)
      return run('compareAndSet', () => memory.compareAndSet(id, next, expected))
    },
  }
  const onEvent = (event: SessionEvent): void => void events.push(event)
  const revocation = revocationStore(store, { now, onEvent })
  const open = (parts: Partial<RevocationParts> = {}, from: Revocation = revocation): RevocationList =>
    revocationListOf(from, {
      now,
      onEvent,
      rotationGrace: grace,
      absolute: 14 * day,
      strict: false,
      ...parts,
    })
  return Object.assign(house, { store, revocation, open, list: open(), strict: open({ strict: true }) })
}

function visitor(about: Partial<SealedLine> = {}): SealedLine {
  const id = newSessionId()
  const place = { id, first: id, turns: 0, version: 1 }
  return { ...place, handle: 'k-0', owner: null, boundAt: noon, until: noon + 14 * day, ...about }
}

/** A session that was just begun by a login. */
async function login(list: RevocationList, owner = 'ann', from: SealedLine | null = null) {
  const boundAt = await list.bind(owner)
  const line = visitor({ handle: newSessionId(), owner, boundAt, until: boundAt + 14 * day })
  if (from !== null) await list.replace(from, line)
  return line
}

async function rotate(list: RevocationList, line: SealedLine, now: number): Promise<SealedLine> {
  const turn = await list.move(line, newSessionId(), now + grace)
  if (typeof turn === 'string') throw new Error(turn)
  return { ...line, ...turn, version: line.version + 1 }
}

const live: RevocationVerdict = { state: 'live' }
const inGrace: RevocationVerdict = { state: 'grace' }
const revoked: RevocationVerdict = { state: 'refused', reason: 'revoked' }
const superseded: RevocationVerdict = { state: 'refused', reason: 'superseded' }
const reused: RevocationVerdict = { state: 'refused', reason: 'reused' }
const replayed: RevocationVerdict = { state: 'refused', reason: 'replayed' }
const unreadable: RevocationVerdict = { state: 'refused', reason: 'unreadable' }

describe('judging', () => {
  test('a session that nothing has happened to lives, and one read tells', async () => {
    const { calls, list } = openHouse()
    expect(await list.judge(visitor())).toEqual(live)
    expect(calls).toEqual(['get'])
  })

  test.for(['live', 'moved', 'ended', 'replaced', 'cut off', 'strict'])(
    'one read tells of a session that is %s',
    async (fate) => {
      const { calls, list, revocation, strict } = openHouse()
      const line = await login(list)
      if (fate === 'moved') await list.move(line, newSessionId(), noon + grace)
      if (fate === 'ended') await list.end(line)
      if (fate === 'replaced') await login(list, 'ann', line)
      if (fate === 'cut off') await revocation.revokeUser('ann')
      if (fate === 'strict') await strict.advance(line)
      calls.length = 0
      await list.judge(line)
      await strict.judge(line)
      expect(calls).toEqual(['get', 'get'])
    },
  )

  test('what a request writes after it was judged costs one call', async () => {
    const { calls, list, strict } = openHouse()
    for (const write of [
      (line: SealedLine) => list.end(line),
      (line: SealedLine) => list.move(line, newSessionId(), noon + grace),
      (line: SealedLine) => list.replace(line, visitor({ owner: 'ann' })),
      (line: SealedLine) => strict.advance(line),
    ]) {
      const line = await login(list)
      // Each list has a memory of its own.
      await list.judge(line)
      await strict.judge(line)
      calls.length = 0
      await write(line)
      expect(calls).toEqual(['compareAndSet'])
    }
  })
})

describe('ending one session', () => {
  test('ASVS-7.4.1 a cookie that was copied before the logout is refused after it, under each of its ids', async () => {
    const { list, time } = openHouse()
    const old = await login(list)
    const line = await rotate(list, old, time.now)
    await list.end(line)
    expect(await list.judge(line)).toEqual(revoked)
    expect(await list.judge(old)).toEqual(revoked)
    time.now += 14 * day - 1
    expect(await list.judge(line)).toEqual(revoked)
  })

  test('other sessions of the user, and of visitors who came at the same time, go on', async () => {
    const { list } = openHouse()
    const [one, other] = [await login(list), await login(list)]
    await list.end(one)
    expect(await list.judge(other)).toEqual(live)
    const [left, right] = [visitor(), visitor()]
    await list.end(left)
    expect(await list.judge(left)).toEqual(revoked)
    expect(await list.judge(right)).toEqual(live)
  })

  test('a visitor who has rotated is ended under the id from before too', async () => {
    const { list } = openHouse()
    const old = visitor()
    const line = await rotate(list, old, noon)
    await list.end(line)
    expect(await list.judge(old)).toEqual(revoked)
  })

  test('ending an ended session writes nothing', async () => {
    const { calls, list } = openHouse()
    const line = await login(list)
    await list.end(line)
    calls.length = 0
    await list.end(line)
    expect(calls).toEqual(['get'])
  })

  test('a logout that comes after a login ends what the login began, through further logins', async () => {
    const { list } = openHouse()
    const old = visitor()
    const first = await login(list, 'ann', old)
    const second = await login(list, 'ann', first)
    const third = await login(list, 'bob', second)
    const unrelated = await login(list, 'bob')
    await list.end(old)
    for (const line of [first, second, third]) expect(await list.judge(line)).toEqual(revoked)
    expect(await list.judge(unrelated)).toEqual(live)
  })

  test('a logout that failed on its way to what a login began is complete when repeated', async () => {
    const house = openHouse()
    const old = visitor()
    const line = await login(house.list, 'ann', old)
    let writes = 0
    house.fault = (call) => (call === 'compareAndSet' && ++writes === 2 ? 'before' : null)
    await expect(house.list.end(old)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    house.fault = null
    expect(await house.list.judge(line)).toEqual(live)
    await house.list.end(old)
    expect(await house.list.judge(line)).toEqual(revoked)
  })
})

describe('logging in', () => {
  test('ASVS-7.2.4 the cookie from before is refused at once, under each of its ids', async () => {
    const { events, list } = openHouse()
    const oldest = visitor()
    const old = await rotate(list, oldest, noon)
    const line = await login(list, 'ann', old)
    expect(await list.judge(line)).toEqual(live)
    expect(await list.judge(old)).toEqual(superseded)
    expect(await list.judge(oldest)).toEqual(superseded)
    expect(events).toEqual([])
  })

  test('it brings something over, unless the session from before had been ended', async () => {
    const { list, revocation } = openHouse()
    const heir = visitor({ owner: 'ann', handle: 'h' })
    expect(await list.replace(visitor(), heir)).toBe('done')
    const twice = visitor()
    expect(await list.replace(twice, heir)).toBe('done')
    expect(await list.replace(twice, heir)).toBe('done')
    const ended = visitor()
    await list.end(ended)
    expect(await list.replace(ended, heir)).toBe('gone')
    const cut = await login(list, 'bob')
    await revocation.revokeUser('bob')
    expect(await list.replace(cut, heir)).toBe('gone')
  })

  test('of two logins at once both hold, and one logout ends both', async () => {
    const { list } = openHouse()
    const old = visitor()
    const lines = [await login(list, 'ann', old), await login(list, 'bob', old)]
    for (const line of lines) expect(await list.judge(line)).toEqual(live)
    await list.end(old)
    for (const line of lines) expect(await list.judge(line)).toEqual(revoked)
  })

  test('a session that a login ended in another tab can no longer be rotated or stepped up', async () => {
    const { list, strict } = openHouse()
    const old = visitor()
    await login(list, 'ann', old)
    expect(await list.move(old, newSessionId(), noon + grace)).toBe('gone')
    expect(await list.move(old, newSessionId(), 0)).toBe('gone')
    expect(await strict.advance(old)).toBe('gone')
  })
})

describe('rotation and step-up', () => {
  test('a rotated id passes for its grace window', async () => {
    const { events, list, time } = openHouse()
    const old = await login(list)
    const line = await rotate(list, old, time.now)
    expect(line.turns).toBe(1)
    expect(await list.judge(line)).toEqual(live)
    time.now += grace - 1
    expect(await list.judge(old)).toEqual(inGrace)
    expect(events).toEqual([])
  })

  test('a rotated id that comes back later ends the session, and says so once', async () => {
    const { events, list, time } = openHouse()
    const old = await login(list)
    const line = await rotate(list, old, time.now)
    time.now += grace
    expect(await list.judge(old)).toEqual(reused)
    expect(events).toEqual([{ type: 'reused', id: old.id }])
    expect(await list.judge(line)).toEqual(revoked)
    expect(await list.judge(old)).toEqual(revoked)
    expect(events).toHaveLength(1)
  })

  test('who only looks ends nothing', async () => {
    const { events, list, time } = openHouse()
    const old = await login(list)
    const line = await rotate(list, old, time.now)
    expect(await list.peek(old)).toEqual(inGrace)
    time.now += grace
    expect(await list.peek(old)).toEqual(reused)
    expect(await list.judge(line)).toEqual(live)
    expect(events).toEqual([])
  })

  test('a later rotation prolongs no grace window', async () => {
    const { list, time } = openHouse()
    const oldest = await login(list)
    const old = await rotate(list, oldest, time.now)
    time.now += grace / 2
    const line = await rotate(list, old, time.now)
    expect(await list.judge(oldest)).toEqual(inGrace)
    expect(await list.judge(old)).toEqual(inGrace)
    time.now += grace / 2
    expect(await list.judge(old)).toEqual(inGrace)
    expect(await list.judge(line)).toEqual(live)
    expect(await list.judge(oldest)).toEqual(reused)
  })

  test('what a login began is out of reach of an old id of before', async () => {
    const { list, time } = openHouse()
    const oldest = await login(list)
    const old = await rotate(list, oldest, time.now)
    const line = await login(list, 'ann', old)
    time.now += grace
    expect(await list.judge(oldest)).toEqual(superseded)
    expect(await list.judge(line)).toEqual(live)
  })

  test('two requests that bring it at once are one alarm', async () => {
    const { events, list, time } = openHouse()
    const old = await login(list)
    await rotate(list, old, time.now)
    time.now += grace
    const verdicts = await Promise.all([list.judge({ ...old }), list.judge({ ...old })])
    expect(verdicts).toEqual([reused, revoked])
    expect(events).toHaveLength(1)
  })

  test('an id beside the one that the list knows for the turn is refused', async () => {
    const { list } = openHouse()
    const line = await rotate(list, await login(list), noon)
    expect(await list.judge({ ...line, id: newSessionId() })).toEqual(superseded)
  })

  test('of two rotations at once both get the id of the first', async () => {
    const { list } = openHouse()
    const old = await login(list)
    const [one, other] = [await rotate(list, old, noon), await rotate(list, old, noon)]
    expect(other).toEqual(one)
    expect(await list.judge(other)).toEqual(live)
  })

  test('ASVS-7.5.3 a step-up ends all ids from before at once, without an alarm', async () => {
    const { events, list, time } = openHouse()
    const oldest = await login(list)
    const old = await rotate(list, oldest, time.now)
    const id = newSessionId()
    expect(await list.move(old, id, 0)).toEqual({ id, first: id, turns: 0 })
    const line = { ...old, id, first: id, turns: 0 }
    expect(await list.judge(line)).toEqual(live)
    for (let later = 0; later < 2; later++) {
      expect(await list.judge(old)).toEqual(superseded)
      expect(await list.judge(oldest)).toEqual(superseded)
      time.now += 2 * grace
    }
    expect(events).toEqual([])
    const next = await rotate(list, line, time.now)
    expect(await list.judge(old)).toEqual(superseded)
    expect(await list.judge(next)).toEqual(live)
  })

  test('a step-up goes before a rotation at the same time, whichever is first', async () => {
    const { list } = openHouse()
    const old = await login(list)
    const rotated = await rotate(list, old, noon)
    const id = newSessionId()
    expect(await list.move(old, id, 0)).toEqual({ id, first: id, turns: 0 })
    expect(await list.judge(rotated)).toEqual(superseded)
    const other = await login(list)
    await list.move(other, newSessionId(), 0)
    expect(await list.move(other, newSessionId(), noon + grace)).toBe('gone')
    expect(await list.move(other, newSessionId(), 0)).toBe('gone')
  })

  test('an ended session gets no further id', async () => {
    const { list, revocation } = openHouse()
    const one = await login(list)
    await list.end(one)
    expect(await list.move(one, newSessionId(), noon + grace)).toBe('gone')
    const other = await login(list)
    await revocation.revokeUser('ann')
    expect(await list.move(other, newSessionId(), 0)).toBe('gone')
  })
})

describe('strict', () => {
  test('an older cookie passes for the grace window after the newer one was written, and is refused then', async () => {
    const { list, strict, time } = openHouse()
    const old = await login(strict)
    expect(await strict.advance(old)).toBe('done')
    const line = { ...old, version: 2 }
    expect(await strict.judge(line)).toEqual(live)
    time.now += grace - 1
    expect(await strict.judge(old)).toEqual(inGrace)
    // A newer write must not give the oldest one another window.
    expect(await strict.advance(line)).toBe('done')
    time.now += 1
    expect(await strict.judge(old)).toEqual(replayed)
    expect(await strict.judge(line)).toEqual(inGrace)
    expect(await strict.judge({ ...old, version: 3 })).toEqual(live)
    expect(await list.judge(old)).toEqual(live)
  })

  test('of two writes at once one is done', async () => {
    const { strict } = openHouse()
    const line = await login(strict)
    expect([await strict.advance(line), await strict.advance(line)]).toEqual(['done', 'stale'])
    // In the same millisecond, from the same state.
    const both = [2, 2].map((version) => ({ ...line, version }))
    for (const one of both) await strict.judge(one)
    expect(await Promise.all(both.map(strict.advance))).toEqual(['done', 'stale'])
  })

  test('a change of id is a write', async () => {
    const { strict, time } = openHouse()
    const old = await login(strict)
    const line = await rotate(strict, old, time.now)
    expect(line.version).toBe(2)
    expect(await strict.judge(line)).toEqual(live)
    expect(await strict.judge(old)).toEqual(inGrace)
    expect(await strict.advance(old)).toBe('stale')
    expect(await strict.move(old, newSessionId(), noon + grace)).toBe('stale')
    expect(await strict.move(old, newSessionId(), 0)).toBe('stale')
    expect(await strict.judge({ ...line, version: 1 })).toEqual(inGrace)
  })

  test('a login on an older cookie is told so, and ends nothing', async () => {
    const { strict } = openHouse()
    const old = visitor()
    await strict.advance(old)
    expect(await strict.replace(old, visitor({ owner: 'ann', handle: 'h' }))).toBe('stale')
    expect(await strict.judge({ ...old, version: 2 })).toEqual(live)
  })

  test('an ended session is written no further', async () => {
    const { revocation, strict } = openHouse()
    const [one, other] = [await login(strict), await login(strict)]
    await strict.end(one)
    expect(await strict.advance(one)).toBe('gone')
    await revocation.revokeUser('ann')
    expect(await strict.advance(other)).toBe('gone')
  })
})

describe('from outside of a request', () => {
  test('ASVS-7.4.2 revokeUser ends all sessions of the user, and a login afterwards holds', async () => {
    const { events, list, revocation } = openHouse()
    const lines = [await login(list), await login(list), await login(list)]
    const [rotated, bob] = [await rotate(list, lines[0]!, noon), await login(list, 'bob')]
    await revocation.revokeUser('ann')
    for (const line of [...lines, rotated]) expect(await list.judge(line)).toEqual(revoked)
    expect(await list.judge(bob)).toEqual(live)
    expect(await list.judge(await login(list))).toEqual(live)
    expect(events).toEqual([{ type: 'user-revoked', userId: 'ann', by: 'all' }])
  })

  test('ASVS-7.4.3 revokeOthers ends all sessions of the user but this one, until it is not spared again', async () => {
    const { events, list, revocation } = openHouse()
    const [own, other] = [await login(list), await login(list)]
    const session = { id: own.id, userId: 'ann' }
    noteLine(session, own)
    await revocation.revokeOthers(session)
    expect(await list.judge(own)).toEqual(live)
    expect(await list.judge(other)).toEqual(revoked)
    expect(events).toEqual([{ type: 'user-revoked', userId: 'ann', by: 'others' }])
    const rotated = await rotate(list, own, noon)
    const third = await login(list)
    await revocation.revokeOthers(session)
    expect(await list.judge(rotated)).toEqual(live)
    expect(await list.judge(third)).toEqual(revoked)
    const fourth = { id: null, userId: 'ann' }
    noteLine(fourth, await login(list))
    await revocation.revokeOthers(fourth)
    expect(await list.judge(rotated)).toEqual(revoked)
  })

  test.for(['ended', 'cut off', 'replaced'])(
    'revokeOthers from a session that was %s meanwhile does not bring it back',
    async (fate) => {
      const { list, revocation } = openHouse()
      const own = await login(list)
      const session = { id: own.id, userId: 'ann' }
      noteLine(session, own)
      if (fate === 'ended') await list.end(own)
      else if (fate === 'cut off') await revocation.revokeUser('ann')
      else await login(list, 'ann', own)
      await revocation.revokeOthers(session)
      expect((await list.judge(own)).state).toBe('refused')
    },
  )

  test('a spared session ends with its logout, and with the next cut-off', async () => {
    const { list, revocation } = openHouse()
    const lines = [await login(list, 'ann'), await login(list, 'bob')]
    for (const line of lines) {
      const session = { id: line.id, userId: line.owner }
      noteLine(session, line)
      await revocation.revokeOthers(session)
    }
    await list.end(lines[0]!)
    await revocation.revokeUser('bob')
    for (const line of lines) expect(await list.judge(line)).toEqual(revoked)
  })

  test('who acts as a user ends that user’s sessions, and keeps their own', async () => {
    const { list, records, revocation } = openHouse()
    const [own, users] = [await login(list, 'support'), await login(list, 'ann')]
    const session = { id: own.id, userId: 'ann' }
    noteLine(session, own)
    await revocation.revokeOthers(session)
    expect(await list.judge(own)).toEqual(live)
    expect(await list.judge(users)).toEqual(revoked)
    expect([...records.values()].map(({ payload }) => payload).join('')).not.toContain(own.handle)
  })

  test('revokeOthers in the request that logs in ends all others, and the login holds', async () => {
    const { list, revocation } = openHouse()
    const other = await login(list)
    const session = { id: null, userId: 'ann' }
    noteLine(session, null)
    await revocation.revokeOthers(session)
    expect(await list.judge(other)).toEqual(revoked)
    expect(await list.judge(await login(list))).toEqual(live)
  })

  test('revoke ends one session, and says whose', async () => {
    const { events, list, revocation } = openHouse()
    const [own, other, nobody] = [await login(list), await login(list), visitor()]
    for (const line of [own, nobody]) {
      const session = { id: line.id, userId: line.owner }
      noteLine(session, line)
      await revocation.revoke(session)
      expect(await list.judge(line)).toEqual(revoked)
    }
    expect(await list.judge(other)).toEqual(live)
    expect(events).toEqual([
      { type: 'revoked', id: own.id, userId: 'ann', by: 'user' },
      { type: 'destroyed', id: nobody.id },
    ])
  })

  test('ending a user’s other records in the same store leaves what is known of the ended sessions', async () => {
    const { list, memory, records } = openHouse()
    const line = await login(list)
    await list.end(line)
    await memory.deleteByUser('ann')
    expect(await list.judge(line)).toEqual(revoked)
    expect([...records.values()].map(({ userId }) => userId)).toEqual([null])
  })
})

describe('clocks that disagree', () => {
  test.for([-5000, 5000])(
    'a session bound %i ms off is ended by a revocation now, and the next login holds',
    async (off) => {
      const { open, revocation, time } = openHouse()
      const here = open()
      const there = open({ now: () => time.now + off })
      const lines = [await login(here), await login(there), await login(here)]
      await revocation.revokeUser('ann')
      for (const line of lines) {
        expect(await here.judge(line)).toEqual(revoked)
        expect(await there.judge(line)).toEqual(revoked)
      }
      for (const list of [here, there, here]) {
        const line = await login(list)
        expect(await here.judge(line)).toEqual(live)
        expect(await there.judge(line)).toEqual(live)
      }
    },
  )

  test('what has ended is remembered for longer than a clock that is behind takes the cookie for good', async () => {
    const { list, memory, records, time } = openHouse()
    const line = await login(list)
    await list.end(line)
    const [[id, record]] = [...records] as [[SessionId, StoredRecord]]
    expect(record.expiresAt).toBeGreaterThan(line.until + 5000)
    time.now = line.until + 5000
    expect(await memory.get(id)).not.toBeNull()
    expect(await list.judge(line)).toEqual(revoked)
    // A write of then must not have forgotten it either.
    await list.bind('ann')
    expect(await list.judge(line)).toEqual(revoked)
  })
})

describe('what is kept', () => {
  test('a record expires after the last that matters in it, and not long after', async () => {
    const { list, records, revocation, time } = openHouse()
    const expiry = (): number => Math.max(...[...records.values()].map(({ expiresAt }) => expiresAt))
    const old = visitor()
    await list.end(old)
    expect(expiry() - old.until).toBeGreaterThan(0)
    expect(expiry() - old.until).toBeLessThan(day)
    records.clear()
    const line = await login(list)
    expect(expiry()).toBeGreaterThan(line.until)
    time.now += day
    await revocation.revokeUser('ann')
    // The longest session that the cut-off could end was bound at the same moment.
    expect(expiry()).toBeGreaterThan(time.now + 14 * day)
    expect(expiry()).toBeLessThan(time.now + 15 * day)
  })

  test('of a daily login and logout for two years, two weeks are kept', async () => {
    const { list, records, time } = openHouse()
    const sizes: number[] = []
    for (let today = 0; today < 730; today++) {
      time.now += day
      await list.end(await login(list))
      sizes.push([...records.values()][0]!.payload.length)
    }
    expect(Math.max(...sizes.slice(30))).toBe(Math.max(...sizes.slice(15, 30)))
    expect(sizes.at(-1)).toBeLessThan(2500)
  })

  test('of a session that rotates and writes all day, only what is within the grace window is kept', async () => {
    const { records, strict, time } = openHouse()
    let line = await login(strict)
    const sizes: number[] = []
    for (let turn = 0; turn < 500; turn++) {
      time.now += grace / 2
      line = await rotate(strict, line, time.now)
      sizes.push([...records.values()][0]!.payload.length)
    }
    expect(line.turns).toBe(500)
    expect(Math.max(...sizes)).toBeLessThan(500)
  })

  test('of very many writes at once the latest are kept, and older cookies are refused early', async () => {
    const { records, strict } = openHouse()
    let line = await login(strict)
    for (; line.version < 200; line = { ...line, version: line.version + 1 }) await strict.advance(line)
    expect([...records.values()][0]!.payload.length).toBeLessThan(1200)
    expect(await strict.judge({ ...line, version: 190 })).toEqual(inGrace)
    expect(await strict.judge({ ...line, version: 2 })).toEqual(replayed)
  })

  test('a note lasts as long as the longest life that the session was ever said to have', async () => {
    const { list, time } = openHouse()
    const old = await login(list)
    const line = { ...(await rotate(list, old, noon)), until: old.until }
    await list.end({ ...line, until: noon + day })
    time.now = noon + 2 * day
    await login(list)
    expect(await list.judge(line)).toEqual(revoked)
  })

  test('a cut-off clears what it covers', async () => {
    const { list, records, revocation } = openHouse()
    for (let count = 0; count < 20; count++) await list.end(await login(list))
    await revocation.revokeUser('ann')
    expect([...records.values()][0]!.payload.length).toBeLessThan(150)
  })

  test('neither an id that is a credential nor the user’s name is in the store', async () => {
    const { list, records } = openHouse()
    const line = await login(list, 'ann@example.test')
    await rotate(list, line, noon)
    const [[id, { payload }]] = [...records] as [[SessionId, StoredRecord]]
    expect(id + payload).not.toContain('ann')
  })
})

describe('a record that cannot be read', () => {
  const damaged: readonly [string, (payload: string) => string][] = [
    ['cut short', (payload) => payload.slice(0, -9)],
    ['of a newer format', (payload) => payload.replace('"format":1', '"format":2')],
    ['empty', () => ''],
    ['null', () => 'null'],
    ['without entries', () => '{"format":1,"cutoff":0,"lastBound":0}'],
    ['with a wrong cut-off', () => '{"format":1,"cutoff":"0","lastBound":0,"entries":{}}'],
    ['with an empty entry', () => '{"format":1,"cutoff":0,"lastBound":0,"entries":{"h":null}}'],
    ['with a wrong end', (payload) => payload.replace('"revoked"', '"Revoked"')],
    ['with heirs that are none', (payload) => payload.replace('"ended":"revoked"', '"heirs":[1]')],
    ['with turns that are none', (payload) => payload.replace('"ended":"revoked"', '"turned":[1]')],
    ['with a wrong place', (payload) => payload.replace('"ended":"revoked"', '"turn":{"id":"x"}')],
  ]

  async function spoilt(spoil: (payload: string) => string) {
    const house = openHouse()
    const lines = [await login(house.list), await login(house.list)]
    await house.list.end(lines[0]!)
    const [[id, record]] = [...house.records] as [[SessionId, StoredRecord]]
    await house.memory.set(id, { ...record, payload: spoil(record.payload) })
    return { ...house, lines }
  }

  test.for(damaged)('%s, refuses all sessions', async ([, spoil]) => {
    const { lines, list } = await spoilt(spoil)
    for (const line of lines) expect(await list.judge(line)).toEqual(unreadable)
  })

  test.for(damaged)('%s, ends what was there and lets the user log in again', async ([, spoil]) => {
    const { lines, list, open, revocation, time } = await spoilt(spoil)
    const ahead = await login(open({ now: () => time.now + 5000 }))
    for (const line of lines) expect(await list.judge(line)).toEqual(revoked)
    expect(await list.judge(ahead)).toEqual(live)
    await revocation.revokeUser('ann')
    expect(await list.judge(ahead)).toEqual(revoked)
    expect(await list.judge(await login(list))).toEqual(live)
  })

  test.for(damaged)('%s, ends also what a host whose clock is ahead had bound', async ([, spoil]) => {
    const { list, memory, open, records, time } = openHouse()
    const line = await login(open({ now: () => time.now + 5000 }))
    await list.end(await login(list))
    const [[id, record]] = [...records] as [[SessionId, StoredRecord]]
    await memory.set(id, { ...record, payload: spoil(record.payload) })
    await login(list)
    expect(await list.judge(line)).toEqual(revoked)
  })

  test.for(damaged)(
    '%s, keeps a logout, a revocation and a rotation from bringing anything back',
    async ([, spoil]) => {
      for (const act of [
        (list: RevocationList, line: SealedLine) => list.end(line),
        (list: RevocationList, line: SealedLine) => list.move(line, newSessionId(), noon + grace),
        (list: RevocationList, line: SealedLine) => list.advance(line),
        (list: RevocationList, line: SealedLine) => list.replace(line, line),
      ]) {
        const { lines, list, revocation } = await spoilt(spoil)
        expect(await act(list, lines[1]!)).not.toBe('done')
        for (const line of lines) expect((await list.judge(line)).state).toBe('refused')
        await revocation.revokeUser('ann')
        for (const line of lines) expect(await list.judge(line)).toEqual(revoked)
      }
    },
  )
})

describe('a store that fails', () => {
  const operations: readonly [
    string,
    (house: ReturnType<typeof openHouse>, line: SealedLine) => Promise<unknown>,
  ][] = [
    ['judge', async ({ list }, line) => list.judge(line)],
    ['end', ({ list }, line) => list.end(line)],
    ['move', ({ list }, line) => list.move(line, newSessionId(), noon + grace)],
    ['bind', ({ list }) => list.bind('ann')],
    ['replace', ({ list }, line) => list.replace(line, line)],
    ['advance', ({ strict }, line) => strict.advance(line)],
    ['revokeUser', ({ revocation }) => revocation.revokeUser('ann')],
  ]

  test.for(operations)('%s rejects, and reports the failure', async ([, operate]) => {
    const house = openHouse()
    const line = await login(house.list)
    house.fault = () => 'before'
    await expect(operate(house, line)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(house.events.map(({ type }) => type)).toContain('store-failure')
    house.fault = null
    expect(await house.list.judge(line)).toEqual(live)
  })

  test.for(['after', 'denied'] as const)(
    'a write that was done although the answer is "%s" counts as done',
    async (answer) => {
      const house = openHouse()
      const old = await login(house.strict)
      house.fault = (call) => (call === 'compareAndSet' ? answer : null)
      expect(await house.strict.advance(old)).toBe('done')
      const line = await rotate(house.strict, { ...old, version: 2 }, noon)
      const id = newSessionId()
      expect(await house.strict.move(line, id, 0)).toEqual({ id, first: id, turns: 0 })
      house.fault = null
      expect(await house.strict.judge({ ...line, id, first: id, turns: 0, version: 4 })).toEqual(live)
    },
  )

  test('a store whose comparison never holds ends the attempts', async () => {
    const { open, store } = openHouse()
    const list = open({}, revocationStore({ ...store, compareAndSet: async () => false }))
    await expect(list.end(visitor())).rejects.toMatchObject({ code: 'ERR_SESSION_CONFLICT' })
  })
})

describe('misuse', () => {
  const store = memoryStore()
  const plain: Store = { get: store.get, set: store.set, delete: store.delete }
  const parts: RevocationParts = {
    now: Date.now,
    onEvent: () => {},
    rotationGrace: grace,
    absolute: 14 * day,
    strict: false,
  }
  const misuses: readonly [string, () => unknown, RegExp][] = [
    ['a store that cannot compare', () => revocationStore(plain as AtomicStore), /compareAndSet.*'none'/],
    ['no store', () => revocationStore(undefined as never), /compareAndSet/],
    [
      'a time that is none',
      () => revocationStore(store, { keepFor: '2w' as never }),
      /revocationStore.keepFor/,
    ],
    ['a list of something else', () => revocationListOf({}, parts), /revocationStore\(store\), or 'none'/],
    [
      'a memory shorter than the sessions',
      () => revocationListOf(revocationStore(store, { keepFor: '13d' }), parts),
      /revocationStore.keepFor.*lifetime.absolute/,
    ],
  ]

  test.for(misuses)('%s is refused with a remedy', ([, misuse, message]) => {
    expect(misuse).toThrow(SessionError)
    expect(misuse).toThrow(message)
  })

  test('a store that cannot compare does not compile', () => {
    // @ts-expect-error It has no compareAndSet.
    expect(() => revocationStore(plain)).toThrow(SessionError)
  })

  test('a session of another kind, or of nobody, is refused', async () => {
    const revocation = revocationStore(store)
    const foreign = { id: null, userId: 'ann' }
    const nobody = { id: null, userId: null }
    noteLine(nobody, null)
    for (const misused of [
      revocation.revokeOthers(foreign),
      revocation.revoke(foreign),
      revocation.revokeOthers(nobody),
      revocation.revoke(nobody),
      revocation.revokeUser(''),
      revocation.revokeUser(undefined as never),
    ]) {
      await expect(misused).rejects.toMatchObject({ code: 'ERR_SESSION_CONFIG' })
    }
  })

  test('a list of as long as the sessions is opened', () => {
    expect(() => revocationListOf(revocationStore(store), parts)).not.toThrow()
  })
})
