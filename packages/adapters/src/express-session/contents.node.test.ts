import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { contentsOf, isSame, isSetAlike, merged } from './contents.ts'
import { Cookie } from './cookie.ts'
import type { SessionRecord } from './store.ts'

const noon = Date.UTC(2026, 6, 1, 12)
const minute = 60_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: noon })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A record as a store gives it back. */
function recordOf(values: object, cookie: Cookie = new Cookie()): SessionRecord {
  return JSON.parse(JSON.stringify({ ...values, cookie })) as SessionRecord
}

const circle: unknown[] = []
circle.push(circle)

describe('the contents of a session', () => {
  test('are its own values as JSON texts, without the cookie', () => {
    const session = Object.create({ inherited: 1 }) as object
    Object.assign(session, { cookie: new Cookie(), views: 1, user: { name: 'ann' }, at: new Date(noon) })
    expect([...contentsOf(session)]).toEqual([
      ['views', '1'],
      ['user', '{"name":"ann"}'],
      ['at', '"2026-07-01T12:00:00.000Z"'],
    ])
  })

  test('are without what JSON leaves out', () => {
    expect(
      contentsOf({ nothing: undefined, act: () => {}, symbol: Symbol('x'), [Symbol('y')]: 1 }).size,
    ).toBe(0)
  })

  test('have what is called cookie deeper down', () => {
    expect(isSame(contentsOf({ cart: { cookie: 1 } }), contentsOf({ cart: { cookie: 2 } }))).toBe(false)
  })

  test.for([
    ['a circle', circle],
    ['a BigInt', 1n],
    ['what throws', { toJSON: () => assertNever() }],
  ] as const)('that JSON cannot hold are named: %s', ([, value]) => {
    const read = (): unknown => contentsOf({ fine: 1, bad: value })
    expect(read).toThrow(TypeError)
    expect(read).toThrow(/^req\.session\.bad cannot be kept, because sessions are kept as JSON: ./)
    expect(read).toThrow(expect.objectContaining({ cause: expect.anything() }))
  })

  test('are the same whatever the order of the keys', () => {
    const one = contentsOf({ a: 1, b: [2] })
    expect(isSame(one, contentsOf({ b: [2], a: 1 }))).toBe(true)
    expect(isSame(one, contentsOf({ a: 1 }))).toBe(false)
    expect(isSame(contentsOf({ a: 1 }), one)).toBe(false)
    expect(isSame(one, contentsOf({ a: 1, c: [2] }))).toBe(false)
    expect(isSame(one, contentsOf({ a: 1, b: [3] }))).toBe(false)
  })
})

function assertNever(): never {
  throw new Error('No JSON of this.')
}

describe('the settings of a cookie', () => {
  test('are the same when only time has passed', () => {
    const cookie = new Cookie({ maxAge: minute })
    const before = cookie.data
    vi.setSystemTime(noon + 30_000)
    expect(isSetAlike(cookie.data, before)).toBe(true)
    cookie.maxAge = cookie.originalMaxAge
    expect(isSetAlike(cookie.data, before)).toBe(true)
  })

  test.for([
    ['maxAge', 2 * minute],
    ['expires', new Date(noon + 5 * minute)],
    ['expires', null],
    ['secure', true],
    ['httpOnly', false],
    ['domain', 'example.com'],
    ['path', '/shop'],
    ['sameSite', 'lax'],
    ['partitioned', true],
    ['priority', 'high'],
  ] as const)('are others with another %s', ([name, value]) => {
    const cookie = new Cookie({ maxAge: minute })
    const before = cookie.data
    Object.assign(cookie, { [name]: value })
    expect(isSetAlike(cookie.data, before)).toBe(false)
  })
})

describe('a merged record', () => {
  const keys = ['a', 'b', 'c', 'd', 'constructor'] as const
  const values = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue())
  // No session has a value of that name of its own, but a record may.
  const foreign = fc.dictionary(fc.constantFrom(...keys, '__proto__'), fc.jsonValue())

  test('has what was changed here, and for the rest what is stored', () => {
    fc.assert(
      fc.property(foreign, values, values, (stored, former, latter) => {
        const [before, now] = [contentsOf(former), contentsOf(latter)]
        const record = merged(recordOf(stored), latter, before, now, null)
        const kept = contentsOf(recordOf(stored))
        const found = contentsOf(record)
        for (const key of new Set([...kept.keys(), ...before.keys(), ...now.keys()])) {
          const isChanged = before.get(key) !== now.get(key)
          expect([key, found.get(key)]).toEqual([key, (isChanged ? now : kept).get(key)])
        }
        expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
      }),
      { seed: 40, numRuns: 1500 },
    )
  })

  test('of a request that changed nothing is what is stored', () => {
    fc.assert(
      fc.property(foreign, values, (stored, session) => {
        const contents = contentsOf(session)
        const record = merged(recordOf(stored), session, contents, contents, null)
        expect(isSame(contentsOf(record), contentsOf(recordOf(stored)))).toBe(true)
      }),
      { seed: 41, numRuns: 300 },
    )
  })

  test('leaves the record that was read as it is', () => {
    const stored = Object.freeze(recordOf({ a: 1, b: 2 }))
    Object.freeze(stored.cookie)
    const record = merged(stored, { a: 3 }, contentsOf({ a: 1, b: 2 }), contentsOf({ a: 3 }), new Cookie())
    expect(contentsOf(record)).toEqual(contentsOf({ a: 3 }))
    expect(contentsOf(stored)).toEqual(contentsOf({ a: 1, b: 2 }))
  })

  test('begins its life anew, for as long as the stored cookie says', () => {
    const stored = recordOf({}, new Cookie({ maxAge: minute, path: '/shop' }))
    vi.setSystemTime(noon + 40_000)
    const { cookie } = merged(stored, {}, contentsOf({}), contentsOf({}), null)
    expect(cookie).toBeInstanceOf(Cookie)
    expect(cookie).toMatchObject({ originalMaxAge: minute, path: '/shop' })
    expect(cookie.expires).toEqual(new Date(noon + 100_000))
  })

  test('that ends with the browser goes on doing so', () => {
    const { cookie } = merged(recordOf({}), {}, contentsOf({}), contentsOf({}), null)
    expect(cookie.expires).toBeNull()
  })

  test('takes the cookie whose settings were changed here', () => {
    const own = new Cookie({ maxAge: 5 * minute })
    const record = merged(
      recordOf({}, new Cookie({ maxAge: minute })),
      {},
      contentsOf({}),
      contentsOf({}),
      own,
    )
    expect(record.cookie).toBe(own)
  })

  test('without a cookie gets one', () => {
    const stored = { a: 1 } as unknown as SessionRecord
    expect(merged(stored, {}, contentsOf({}), contentsOf({}), null).cookie).toBeInstanceOf(Cookie)
  })
})
