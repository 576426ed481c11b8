import { describe, expect, test } from 'vitest'
import { storeFault } from '../../../../test/support/counting-store.ts'
import {
  day,
  hour,
  idOf,
  minute,
  openCloakroom,
  second,
  typesOf,
} from '../../../../test/support/cloakroom.ts'
import type { AtomicStore } from '../index.ts'
import { memoryStore } from '../memory-store.ts'

const lifetime = { idle: '30m', absolute: '12h' } as const
const edges = [
  { when: 'a second before the limit', offset: -second, alive: true },
  { when: 'at the limit', offset: 0, alive: false },
  { when: 'a second after the limit', offset: second, alive: false },
]

/** A store whose own clock stands still: what it hands out, core has to judge. */
function timelessStore() {
  return memoryStore({ now: () => 0 })
}

describe.for([
  { keeper: 'the store sweeps', sweeps: true },
  { keeper: 'the store keeps everything', sweeps: false },
])('when $keeper', ({ sweeps }) => {
  const open = () => openCloakroom({ lifetime, ...(sweeps ? {} : { store: timelessStore() }) })

  test.for(edges)('ASVS-7.3.1 NIST-5.2 the idle limit: $when, alive is $alive', async ({ offset, alive }) => {
    const room = open()
    const browser = await room.welcome()
    room.wait(30 * minute + offset)
    const { events, value } = await room.visit(browser, (session) => session.userId)
    expect(value).toBe(alive ? 'ann' : null)
    if (!alive) {
      expect(events).toEqual([
        { type: 'rejected', reason: sweeps ? 'unknown' : 'expired', id: idOf(browser) },
      ])
    }
  })

  test.for(edges)(
    'ASVS-7.3.2 NIST-5.2 the absolute limit, visits or not: $when, alive is $alive',
    async ({ offset, alive }) => {
      const room = open()
      const browser = await room.welcome()
      for (let passed = 0; passed < 12 * hour - 20 * minute; passed += 20 * minute) {
        room.wait(20 * minute)
        await room.visit(browser, (session) => session.userId)
      }
      room.wait(20 * minute + offset)
      const { value } = await room.visit(browser, (session) => session.userId)
      expect(value).toBe(alive ? 'ann' : null)
    },
  )
})

test('ASVS-7.3.2 a session that is visited each minute ends at its absolute limit', async () => {
  const room = openCloakroom({ lifetime })
  const browser = await room.welcome()
  let ended: number | null = null
  for (let passed = minute; passed <= 18 * hour && ended === null; passed += minute) {
    room.wait(minute)
    const { value } = await room.visit(browser, (session) => session.userId)
    if (value === null) ended = passed
  }
  expect(ended).toBe(12 * hour)
})

test('ASVS-7.3.2 changes and rotations do not move the absolute limit', async () => {
  const room = openCloakroom({ lifetime, rotationGrace: '10s' })
  const browser = await room.welcome()
  let lives = true
  for (let passed = 0; lives; passed += 10 * minute) {
    room.wait(10 * minute)
    const { value } = await room.visit(browser, (session) => {
      const alive = session.userId === 'ann'
      if (alive && passed % (30 * minute) === 0) session.rotate()
      else if (alive) session.update('views', (views = 0) => views + 1)
      return alive
    })
    lives = value
    expect(lives).toBe(passed + 10 * minute < 12 * hour)
  }
})

test('ASVS-7.3.1 a visit that was too early to be recorded does not prolong the session', async () => {
  const room = openCloakroom({ lifetime })
  const browser = await room.welcome()
  room.wait(2 * minute)
  expect((await room.visit(browser, (session) => session.userId)).calls).toEqual(['get'])
  room.wait(28 * minute)
  expect((await room.visit(browser, (session) => session.userId)).value).toBeNull()
})

test('a visit is recorded once a tenth of the idle limit has passed', async () => {
  const room = openCloakroom({ lifetime })
  const browser = await room.welcome()
  room.wait(3 * minute - 1)
  expect((await room.visit(browser, (session) => session.userId)).calls).toEqual(['get'])
  room.wait(1)
  const { calls, events, setCookie } = await room.visit(browser, (session) => session.userId)
  expect(calls).toEqual(['get', 'compareAndSet'])
  expect(events).toEqual([{ type: 'touched', id: idOf(browser) }])
  expect(setCookie).toBeNull()
  room.wait(30 * minute - 1)
  expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
})

test('a visit is recorded also when the session is not looked at', async () => {
  const room = openCloakroom({ lifetime })
  const browser = await room.welcome()
  room.wait(29 * minute)
  await room.visit(browser, () => {})
  room.wait(29 * minute)
  expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
})

test('a visit that cannot prolong the session any more is not recorded', async () => {
  const room = openCloakroom({ lifetime: { idle: '12h', absolute: '12h' } })
  const browser = await room.welcome()
  room.wait(6 * hour)
  expect((await room.visit(browser, (session) => session.userId)).calls).toEqual(['get'])
})

test('a record is never kept beyond the absolute limit', async () => {
  const room = openCloakroom({ lifetime })
  const start = room.now()
  const browser = await room.welcome()
  for (let visit = 0; visit < 34; visit++) {
    room.wait(21 * minute)
    await room.visit(browser, (session) => session.userId)
    const record = await room.memory.get(idOf(browser))
    expect(record?.expiresAt).toBe(Math.min(room.now() + 30 * minute, start + 12 * hour))
  }
})

test('ASVS-7.3.1 a policy that has become stricter ends sessions that began under the former one', async () => {
  const room = openCloakroom({ lifetime })
  const browser = await room.welcome()
  room.wait(11 * minute)
  const stricter = room.reopen({ lifetime: { idle: '10m', absolute: '1h' } })
  const { events, value } = await stricter.visit(browser, (session) => session.userId)
  expect(value).toBeNull()
  expect(events).toEqual([{ type: 'rejected', reason: 'expired', id: idOf(browser) }])
})

test('NIST-5.2 a login starts both limits anew', async () => {
  const room = openCloakroom({ lifetime })
  const browser = await room.welcome((session) => session.set('views', 1))
  for (let visit = 0; visit < 35; visit++) {
    room.wait(20 * minute)
    await room.visit(browser, (session) => session.get('views'))
  }
  await room.visit(browser, (session) => session.login('ann'))
  const start = room.now()
  for (let visit = 0; visit < 35; visit++) {
    room.wait(20 * minute)
    const { value } = await room.visit(browser, (session) => session.authenticatedAt?.getTime())
    expect(value).toBe(start)
  }
  room.wait(20 * minute)
  expect((await room.visit(browser, (session) => session.userId)).value).toBeNull()
})

test('a session tells its times', async () => {
  const room = openCloakroom({ lifetime })
  const start = room.now()
  const browser = await room.welcome((session) => session.set('views', 1))
  room.wait(20 * minute)
  const { value } = await room.visit(browser, (session) => ({
    createdAt: session.createdAt.getTime() - start,
    authenticatedAt: session.authenticatedAt,
    expiresAt: session.expiresAt.getTime() - start,
    afterLogin: (session.login('ann'), session.authenticatedAt!.getTime() - start),
  }))
  expect(value).toEqual({
    createdAt: 0,
    authenticatedAt: null,
    expiresAt: 50 * minute,
    afterLogin: 20 * minute,
  })
})

test('the defaults are 24 hours idle and 14 days in all', async () => {
  const room = openCloakroom()
  const start = room.now()
  const idler = await room.welcome()
  const regular = await room.welcome()
  room.wait(day - 1)
  const { value } = await room.visit(regular, (session) => session.userId)
  room.wait(1)
  expect(value).toBe('ann')
  expect((await room.visit(idler, (session) => session.userId)).value).toBeNull()
  while (room.now() < start + 14 * day - 1) {
    expect((await room.visit(regular, (session) => session.userId)).value).toBe('ann')
    room.wait(12 * hour - 1)
  }
  room.wait(start + 14 * day - room.now())
  expect((await room.visit(regular, (session) => session.userId)).value).toBeNull()
})

describe('the record of a visit', () => {
  test('is written after the response where the runtime can wait for it', async () => {
    const room = openCloakroom({ lifetime })
    const browser = await room.welcome()
    room.wait(10 * minute)
    const disk = Promise.withResolvers<void>()
    const store: AtomicStore = {
      ...room.memory,
      async compareAndSet(...write) {
        await disk.promise
        return room.memory.compareAndSet(...write)
      },
    }
    const slow = room.reopen({ lifetime, store })
    const waiting: Promise<unknown>[] = []
    const session = await slow.load(browser)
    const { events } = await slow.commit(browser, session, { waitUntil: (promise) => waiting.push(promise) })
    expect(events).toEqual([])
    expect(waiting).toHaveLength(1)
    disk.resolve()
    await Promise.all(waiting)
    expect(slow.events).toEqual([{ type: 'touched', id: idOf(browser) }])
    room.wait(25 * minute)
    expect((await room.visit(browser, (visit) => visit.userId)).value).toBe('ann')
  })

  test('waits for nobody else: changes are written before the response all the same', async () => {
    const room = openCloakroom({ lifetime })
    const browser = await room.welcome()
    room.wait(10 * minute)
    const waiting: Promise<unknown>[] = []
    const session = await room.load(browser)
    session.set('views', 1)
    const { events } = await room.commit(browser, session, { waitUntil: (promise) => waiting.push(promise) })
    expect(waiting).toEqual([])
    expect(typesOf(events)).toEqual(['updated'])
  })

  test('harms nobody when it fails after the response', async () => {
    const room = openCloakroom({ lifetime })
    const browser = await room.welcome()
    room.wait(10 * minute)
    const waiting: Promise<unknown>[] = []
    const session = await room.load(browser)
    room.store.failWhen(() => 'fails')
    await room.commit(browser, session, { waitUntil: (promise) => waiting.push(promise) })
    await Promise.all(waiting)
    room.store.heal()
    expect(room.events.at(-1)).toEqual({
      type: 'store-failure',
      operation: 'compareAndSet',
      error: storeFault,
    })
    expect((await room.visit(browser, (visit) => visit.userId)).value).toBe('ann')
  })

  test('is not taken back by a slower request that came earlier', async () => {
    const room = openCloakroom({ lifetime })
    const browser = await room.welcome()
    room.wait(10 * minute)
    const early = await room.load(browser)
    early.set('views', 1)
    room.wait(10 * minute)
    await room.visit(browser, (session) => session.set('theme', 'dark'))
    await room.commit(browser, early)
    expect((await room.memory.get(idOf(browser)))?.expiresAt).toBe(room.now() + 30 * minute)
  })

  test('does not bring a session back that ended meanwhile', async () => {
    const room = openCloakroom({ lifetime })
    const browser = await room.welcome()
    room.wait(10 * minute)
    const slow = await room.load(browser)
    await room.visit(browser.copy(), (session) => session.destroy())
    const { events, setCookie } = await room.commit(browser, slow)
    expect(events).toEqual([{ type: 'gone', id: idOf(browser) }])
    expect(setCookie).toBeNull()
    expect(room.memory.size).toBe(0)
  })
})

describe.for([
  { other: 'behind', skew: -5 * second },
  { other: 'ahead', skew: 5 * second },
])('where the clock of another host is 5 seconds $other', ({ skew }) => {
  const openBoth = (options: { rotationGrace?: '10s' } = {}) => {
    const here = openCloakroom({ lifetime, ...options })
    return { here, there: here.reopen({ lifetime, ...options, now: () => here.now() + skew }) }
  }

  test('a session is as alive there, to within the difference', async () => {
    const { here, there } = openBoth()
    const browser = await here.welcome()
    expect((await there.visit(browser, (session) => session.userId)).value).toBe('ann')
    here.wait(30 * minute - 6 * second)
    expect((await there.visit(browser, (session) => session.userId)).value).toBe('ann')
    here.wait(30 * minute + 6 * second)
    expect((await there.visit(browser, (session) => session.userId)).value).toBeNull()
  })

  test('visits in turn prolong it, and never shorten it', async () => {
    const { here, there } = openBoth()
    const browser = await here.welcome()
    const deadlines: number[] = []
    for (let visit = 0; visit < 20; visit++) {
      here.wait(2 * minute)
      await (visit % 2 === 0 ? there : here).visit(browser, (session) => session.set('views', visit + 1))
      deadlines.push((await here.memory.get(idOf(browser)))!.expiresAt)
    }
    expect(deadlines).toEqual(deadlines.toSorted((one, next) => one - next))
  })

  test('an id that was rotated here is good there for its grace window, and is no theft', async () => {
    const { here, there } = openBoth({ rotationGrace: '10s' })
    const browser = await here.welcome()
    const late = browser.copy()
    await here.visit(browser, (session) => session.rotate())
    here.wait(4 * second)
    const { events, value } = await there.visit(late, (session) => session.userId)
    expect(value).toBe('ann')
    expect(typesOf(events)).not.toContain('reused')
  })
})
