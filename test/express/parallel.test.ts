import { toExpressStore } from '@coatcheck/adapters/express-store'
import { memoryStore } from '@coatcheck/core/memory-store'
import type { SessionOptions, Store } from 'express-session'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { dropIn, openPages, type Opened, type Page } from './pages.ts'
import { holdNextSet, places, sidOf, type Place } from './stores.ts'
import type { Visitor } from './visitor.ts'

const [, original] = implementations[0]!

/** Keeps whoever enters until it is opened. */
interface Gate {
  /** As many as were expected have entered. */
  readonly full: Promise<void>
  enter(): Promise<void>
  open(): void
}

function gateFor(expected: number): Gate {
  const full = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  let inside = 0
  return {
    full: full.promise,
    open: opened.resolve,
    enter() {
      inside++
      if (inside === expected) full.resolve()
      return opened.promise
    },
  }
}

interface Room extends Opened {
  /** From now on, pages wait at this gate: they have their session, and have not saved it. */
  hold(gate: Gate): void
}

/** An application whose pages can be held between the loading of the session and its saving. */
async function openRoom(
  store: Store,
  session: Implementation = dropIn,
  options: Partial<SessionOptions> = {},
): Promise<Room> {
  let gate: Gate | null = null
  const slowly =
    (page: Page): Page =>
    async (req, res, next) => {
      await gate?.enter()
      await page(req, res, next)
    }
  const opened = await openPages(
    session,
    {
      '/begin': (req, res) => {
        req.session['begun'] = true
        res.end()
      },
      '/set/:key': slowly((req, res) => {
        req.session[String(req.params['key'])] = true
        res.end()
      }),
      '/take/:key': slowly((req, res) => {
        delete req.session[String(req.params['key'])]
        res.end()
      }),
      '/save/:key': slowly((req, res, next) => {
        req.session[String(req.params['key'])] = true
        req.session.save((error) => (error ? next(error) : res.end()))
      }),
      '/look': slowly((_, res) => res.end()),
      '/keys': (req, res) => {
        res.json(Object.keys(req.session).filter((key) => key !== 'cookie' && key !== '__lastAccess'))
      },
      '/logout': (req, res, next) => {
        req.session.destroy((error) => (error ? next(error) : res.end()))
      },
      '/regenerate': (req, res, next) => {
        req.session.regenerate((error) => (error ? next(error) : res.end()))
      },
    },
    { store, ...options },
  )
  return { ...opened, hold: (next) => void (gate = next) }
}

async function keysOf(visitor: Visitor): Promise<string[]> {
  const keys = JSON.parse(await visitor.read('/keys')) as string[]
  return keys.toSorted()
}

const names = Array.from({ length: 20 }, (_, index) => `key${String(index).padStart(2, '0')}`)

/** Each request has the session as it was before all others. */
async function setAllAtOnce(session: Implementation, place: Place): Promise<string[]> {
  const { hold, visitor } = await openRoom(await place.connect(session), session)
  await visitor.read('/begin')
  const gate = gateFor(names.length)
  hold(gate)
  const visits = names.map((name) => visitor.copy().read(`/set/${name}`))
  await gate.full
  gate.open()
  await Promise.all(visits)
  return keysOf(visitor)
}

describe.for(places)('parallel requests over %s', ([, open]) => {
  let place: Place
  beforeAll(async () => {
    place = await open()
  })
  afterAll(() => place.close())

  /** A visitor whose session has begun, and a request of the same that has just loaded it. */
  async function begin(
    path: string,
    options: Partial<SessionOptions> = {},
  ): Promise<{ visitor: Visitor; sid: string; finish: () => Promise<Response> }> {
    const { hold, visitor } = await openRoom(await place.connect(dropIn), dropIn, options)
    await visitor.read('/begin')
    const gate = gateFor(1)
    hold(gate)
    const held = visitor.copy().visit(path)
    await gate.full
    const finish = async (): Promise<Response> => {
      gate.open()
      const response = await held
      await response.text()
      return response
    }
    return { visitor, sid: sidOf(visitor), finish }
  }

  test('under the drop-in, none loses what it has set', async () => {
    expect(await setAllAtOnce(dropIn, place)).toEqual(['begun', ...names])
  })

  test('under express-session, the last one wins and all others lose', async () => {
    const kept = await setAllAtOnce(original, place)
    expect(kept).toEqual(['begun', expect.stringMatching(/^key\d\d$/)])
  })

  test.for([
    [0, 1],
    [1, 0],
  ])('take a key away and add another, in either order', async (order) => {
    const { hold, visitor } = await openRoom(await place.connect(dropIn))
    await visitor.read('/begin')
    const visits: (() => Promise<string>)[] = []
    for (const path of ['/take/begun', '/set/added']) {
      const gate = gateFor(1)
      hold(gate)
      const visit = visitor.copy().read(path)
      await gate.full
      visits.push(() => (gate.open(), visit))
    }
    for (const index of order) await visits[index]!()
    expect(await keysOf(visitor)).toEqual(['added'])
  })

  describe.for(['/set/late', '/save/late', '/take/begun', '/look'])('of which %s is under way', (path) => {
    // express-session writes the record anew: the visitor is logged in again.
    test('during the logout do not bring the session back', async () => {
      const { finish, sid, visitor } = await begin(path)
      const thief = visitor.copy()
      await visitor.read('/logout')
      expect((await finish()).headers.getSetCookie()).toEqual([])
      expect(await place.find(sid)).toBeNull()
      expect(await keysOf(thief)).toEqual([])
    })

    // The cookie that the logout has taken out of the browser would come back with the late response.
    test('during the logout get no cookie, even if each response carries one', async () => {
      const { finish, sid, visitor } = await begin(path, { rolling: true, cookie: { maxAge: 60_000 } })
      await visitor.read('/logout')
      expect((await finish()).headers.getSetCookie()).toEqual([])
      expect(await place.find(sid)).toBeNull()
    })

    test('during a regeneration leave the old id dead and the new session alone', async () => {
      const { finish, sid, visitor } = await begin(path, { rolling: true, cookie: { maxAge: 60_000 } })
      await visitor.read('/regenerate')
      expect((await finish()).headers.getSetCookie()).toEqual([])
      expect(await place.find(sid)).toBeNull()
      expect(await keysOf(visitor)).toEqual([])
    })
  })

  /** Two processes, and a visitor whose session has begun in the first. */
  async function openTwo(
    session: Implementation,
  ): Promise<{ first: Room; second: Room; firstStore: Store; visitor: Visitor }> {
    const firstStore = await place.connect(session)
    const first = await openRoom(firstStore, session)
    const second = await openRoom(await place.connect(session), session)
    await first.visitor.read('/begin')
    return { first, second, firstStore, visitor: first.visitor }
  }

  test.for([
    ['under the drop-in, lose nothing', dropIn, ['begun', 'quick', 'slow']],
    ['under express-session, lose what came between', original, ['begun', 'slow']],
  ] as const)('of two processes, one within the other, %s', async ([, session, expected]) => {
    const { first, second, visitor } = await openTwo(session)
    const gate = gateFor(1)
    first.hold(gate)
    const slow = visitor.copy().read('/set/slow')
    await gate.full
    await visitor.copy(second.origin).read('/set/quick')
    gate.open()
    await slow
    expect(await keysOf(visitor)).toEqual(expected)
  })

  test('of one process wait for each other while the record is being written', async () => {
    const store = await place.connect(dropIn)
    const { visitor } = await openRoom(store)
    await visitor.read('/begin')
    const thief = visitor.copy()
    const held = holdNextSet(store)
    const visits = [visitor.copy().read('/set/one')]
    await held.reached
    visits.push(visitor.copy().read('/set/two'))
    held.release()
    await Promise.all(visits)
    expect(await keysOf(visitor)).toEqual(['begun', 'one', 'two'])

    const heldAgain = holdNextSet(store)
    const late = visitor.copy().read('/set/late')
    await heldAgain.reached
    const leaving = visitor.read('/logout')
    heldAgain.release()
    await Promise.all([late, leaving])
    expect(await keysOf(thief)).toEqual([])
  })

  // These stores can put one record in the place of another, and nothing more. What is left is the time between the
  // drop-in's second reading and its writing; express-session's window is the whole request. The next tests say what
  // gets lost in it, so that nobody believes otherwise; `toExpressStore`, below, has no window.
  describe('of two processes, one within the moment in which the other writes', () => {
    test('lose the key that was set in between', async () => {
      const { firstStore, second, visitor } = await openTwo(dropIn)
      const held = holdNextSet(firstStore)
      const slow = visitor.copy().read('/set/slow')
      await held.reached
      await visitor.copy(second.origin).read('/set/quick')
      held.release()
      await slow
      expect(await keysOf(visitor)).toEqual(['begun', 'slow'])
    })

    test('undo the logout that was in between', async () => {
      const { firstStore, second, visitor } = await openTwo(dropIn)
      const sid = sidOf(visitor)
      const held = holdNextSet(firstStore)
      const slow = visitor.copy().read('/set/slow')
      await held.reached
      await visitor.copy(second.origin).read('/logout')
      expect(await place.find(sid)).toBeNull()
      held.release()
      await slow
      expect(await place.find(sid)).not.toBeNull()
    })
  })
})

describe('of two processes over a store of coatcheck, one within the moment in which the other writes', () => {
  async function openTwo(): Promise<{
    visitor: Visitor
    second: Room
    slow: Promise<Response>
    release: () => void
  }> {
    const memory = memoryStore()
    const { compareAndSet } = memory
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const held: typeof memory = { ...memory, compareAndSet: (...write) => compareAndSet(...write) }
    const first = await openRoom(toExpressStore(held) as unknown as Store)
    const second = await openRoom(toExpressStore(memory) as unknown as Store)
    await first.visitor.read('/begin')
    held.compareAndSet = async (...write) => {
      held.compareAndSet = compareAndSet
      reached.resolve()
      await released.promise
      return compareAndSet(...write)
    }
    const slow = first.visitor.copy().visit('/set/slow')
    await reached.promise
    return { visitor: first.visitor, second, slow, release: released.resolve }
  }

  test('lose nothing', async () => {
    const { release, second, slow, visitor } = await openTwo()
    await visitor.copy(second.origin).read('/set/quick')
    release()
    await slow
    expect(await keysOf(visitor)).toEqual(['begun', 'quick', 'slow'])
  })

  test('do not undo a logout', async () => {
    const { release, second, slow, visitor } = await openTwo()
    const thief = visitor.copy()
    await visitor.copy(second.origin).read('/logout')
    release()
    expect((await slow).headers.getSetCookie()).toEqual([])
    expect(await keysOf(thief)).toEqual([])
  })
})
