import expressSession from 'express-session'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { checkCookieOptions, Cookie, type CookieOptions } from './cookie.ts'

const Original = expressSession.Cookie as unknown as typeof Cookie
const noon = Date.UTC(2026, 6, 1, 12)
const hour = 3_600_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: noon })
})
afterEach(() => {
  vi.useRealTimers()
})

/** What came of it: the result, or that it was a TypeError. */
function outcome<Result>(act: () => Result): Result | 'TypeError' {
  try {
    return act()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return 'TypeError'
  }
}

/** All that can be seen of a cookie from outside. */
function view(cookie: Cookie): unknown {
  return {
    keys: Object.keys(cookie),
    json: JSON.stringify(cookie),
    data: cookie.data,
    expires: cookie.expires,
    maxAge: cookie.maxAge,
    originalMaxAge: cookie.originalMaxAge,
    field: outcome(() => cookie.serialize('connect.sid', 's:a.b')),
  }
}

const date = fc.date({ min: new Date(0), max: new Date(8.64e15 - 1), noInvalidDate: true })
const maxAge = fc.oneof(
  fc.integer(),
  fc.double({ min: -1e9, max: 1e9, noNaN: true }),
  fc.constantFrom(null, 0),
)
const expires = fc.oneof(date, fc.constantFrom(null, false as const))
const flag = fc.constantFrom(true, false, undefined)

const valid = {
  originalMaxAge: fc.constantFrom(null, undefined, 5),
  domain: fc.oneof(
    fc.domain(),
    fc.constantFrom('', '.example.com', 'localhost', 'a-b.C0m', '127.0.0.1', `${'a'.repeat(63)}.b`),
  ),
  path: fc.oneof(
    fc.webPath().map((path) => path.replaceAll(';', '')),
    fc.constantFrom('', '/', '/a b', '/%7Ea'),
  ),
  expires,
  maxAge,
  httpOnly: flag,
  secure: flag,
  partitioned: flag,
  priority: fc.constantFrom('low', 'Medium', 'HIGH', '', undefined),
  sameSite: fc.constantFrom(true, false, 'lax', 'Strict', 'NONE', '', undefined),
}
const odd = {
  domain: fc.oneof(
    fc.string(),
    fc.constantFrom('https://a.b', 'a..b', 'a.b.', '-a.b', 'a:80', 'a\n', 'a'.repeat(64)),
  ),
  path: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('/a;b', '/a<b', '/a\n')),
  expires: fc.constantFrom(new Date(NaN), '2030-01-01', 5, true),
  maxAge: fc.constantFrom(NaN, Infinity, 1e300, '5', {}, true),
  priority: fc.constantFrom('urgent', 1, true),
  sameSite: fc.constantFrom('auto', 'laxer', 1, ' lax'),
}
const optionsOf = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<CookieOptions> =>
  fc
    .record(fields, { requiredKeys: [] })
    // The order counts, since the last of expires and maxAge wins.
    .chain((options) => fc.shuffledSubarray(Object.entries(options)))
    .map((entries) => Object.fromEntries(entries))

describe('as express-session has it', () => {
  test('valid attributes lead to the same cookie, the same field and the same record', () => {
    fc.assert(
      fc.property(optionsOf(valid), (options) => {
        const cookie = view(new Cookie(options))
        expect(cookie).toEqual(view(new Original(options)))
        expect(cookie).not.toMatchObject({ field: 'TypeError' })
      }),
      { seed: 1190, numRuns: 1500 },
    )
  })

  test('what it refuses is refused, at the same step', () => {
    const mixed = fc.tuple(optionsOf(valid), optionsOf(odd)).map(([one, other]) => ({ ...one, ...other }))
    fc.assert(
      fc.property(mixed, (options) => {
        const cookie = outcome(() => view(new Cookie(options)))
        expect(cookie).toEqual(outcome(() => view(new Original(options))))
      }),
      { seed: 1191, numRuns: 1500 },
    )
  })

  test('names and values are written and refused alike', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('', 'a=b', 's:a.b+/', '"', 'a;b', ' '),
    )
    fc.assert(
      fc.property(fc.oneof(fc.constant('sid'), texts), texts, (name, value) => {
        const field = outcome(() => new Cookie().serialize(name, value))
        expect(field).toBe(outcome(() => new Original().serialize(name, value)))
      }),
      { seed: 1192, numRuns: 1000 },
    )
  })

  test('any order of assignments, and of time that passes, leads to the same cookie', () => {
    const step = fc.oneof(
      maxAge.map((value) => (cookie: Cookie) => void (cookie.maxAge = value)),
      expires.map((value) => (cookie: Cookie) => void (cookie.expires = value)),
      maxAge.map((value) => (cookie: Cookie) => void (cookie.originalMaxAge = value)),
      fc.constant((cookie: Cookie) => void (cookie.maxAge = cookie.originalMaxAge)),
      fc.constant((cookie: Cookie) => void (cookie.secure = true)),
      fc.nat(hour).map((passed) => () => void vi.setSystemTime(Date.now() + passed)),
    )
    fc.assert(
      fc.property(optionsOf(valid), fc.array(step, { maxLength: 6 }), (options, steps) => {
        const views = [Cookie, Original].map((Kind) => {
          vi.setSystemTime(noon)
          const cookie = new Kind(options)
          for (const apply of steps) apply(cookie)
          return view(cookie)
        })
        expect(views[0]).toEqual(views[1])
      }),
      { seed: 1193, numRuns: 700 },
    )
  })

  test.for([undefined, null, false, '', 0, 'text', 5, true, () => ({})])('new Cookie(%s)', (options) => {
    const made = outcome(() => view(new Cookie(options as CookieOptions)))
    expect(made).toEqual(outcome(() => view(new Original(options as CookieOptions))))
  })

  test('a Date as maxAge is taken, and said to be deprecated', () => {
    const warnings: string[] = []
    const listen = (warning: Error): void => void warnings.push(warning.message)
    process.on('deprecation', listen)
    try {
      const until = new Date(noon + hour)
      expect(view(new Cookie({ maxAge: until }))).toEqual(view(new Original({ maxAge: until })))
    } finally {
      process.off('deprecation', listen)
    }
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toBe(warnings[1])
  })
})

test('a cookie that is touched again and again keeps its life to the millisecond', () => {
  const cookie = new Cookie({ maxAge: 60_000 })
  let now = noon
  // The clock goes on whenever it is read, as a busy one does.
  const reading = vi.spyOn(Date, 'now').mockImplementation(() => now++)
  for (let touched = 0; touched < 50; touched++) cookie.maxAge = cookie.originalMaxAge
  reading.mockRestore()
  expect(cookie.originalMaxAge).toBe(60_000)
})

test('a record cannot put its own functions, getters or prototype into a cookie', () => {
  const record = '{"toJSON":1,"serialize":2,"data":3,"constructor":4,"__proto__":{"secure":true},"path":"/a"}'
  const cookie = new Cookie(JSON.parse(record) as CookieOptions)
  expect(Object.getPrototypeOf(cookie)).toBe(Cookie.prototype)
  expect(cookie.serialize('sid', 'x')).toBe('sid=x; Path=/a; HttpOnly')
  expect(Object.keys(cookie)).toEqual(['path', '_expires', 'originalMaxAge', 'httpOnly'])
})

test.for([
  ['domain', 'https://a.b'],
  ['path', '/a;b'],
  ['expires', new Date(NaN)],
  ['priority', 'urgent'],
  ['sameSite', 'auto'],
] as const)('serialize names the option that is invalid: %s', ([name, value]) => {
  const cookie = new Cookie({ [name]: value })
  expect(() => cookie.serialize('sid', 'x')).toThrow(`option ${name} is invalid`)
})

describe('checkCookieOptions', () => {
  test('what express-session can send is accepted, and auto', () => {
    fc.assert(
      fc.property(optionsOf(valid), (options) => {
        expect(() => checkCookieOptions(options)).not.toThrow()
      }),
      { seed: 1194, numRuns: 500 },
    )
    for (const options of [
      {},
      { secure: 'auto', sameSite: 'auto' },
      { maxAge: new Date(noon) },
      { other: 5 },
    ]) {
      expect(() => checkCookieOptions(options)).not.toThrow()
    }
  })

  test('what would fail with each response fails at once', () => {
    fc.assert(
      fc.property(optionsOf(odd), (options) => {
        const oracle = outcome(() => new Original(options).serialize('sid', 'x'))
        // The one value that the middleware replaces before a cookie is written.
        fc.pre(oracle === 'TypeError' && (options.sameSite as unknown) !== 'auto')
        expect(() => checkCookieOptions(options)).toThrow(TypeError)
      }),
      { seed: 1195, numRuns: 500 },
    )
  })

  test.for([
    [{ domain: 'a.b:80' }, 'cookie.domain must be a host name'],
    [{ path: '/ü' }, 'cookie.path must be a path'],
    [{ path: 5 }, 'cookie.path must be a path'],
    [{ expires: '2030-01-01' }, 'cookie.expires must be a valid Date'],
    [{ priority: 'urgent' }, "cookie.priority must be 'low', 'medium' or 'high'"],
    [{ sameSite: 'laxer' }, "cookie.sameSite must be true, false, 'lax', 'strict' or 'none', or 'auto'"],
    [{ secure: 'false' }, "cookie.secure must be true or false, or 'auto'"],
    [{ httpOnly: 'false' }, 'cookie.httpOnly must be true or false.'],
    [{ partitioned: 'false' }, 'cookie.partitioned must be true or false.'],
    [{ maxAge: '5' }, 'cookie.maxAge must be a finite number'],
    [{ maxAge: Infinity }, 'cookie.maxAge must be a finite number'],
    ['lax', 'cookie must be an object'],
    [null, 'cookie must be an object'],
  ] as const)('%j: %s', ([options, message]) => {
    expect(() => checkCookieOptions(options)).toThrow(message)
  })

  // Environment variables and JavaScript give such values; express-session takes them, and only 'false' means another.
  test.for(['true', 1, 'yes', {}])('%j is true, as it is in express-session', (value) => {
    const options = { secure: value, httpOnly: value, partitioned: value } as CookieOptions
    expect(() => checkCookieOptions(options)).not.toThrow()
    const field = new Cookie(options).serialize('sid', 'x')
    expect(field).toBe('sid=x; Path=/; HttpOnly; Secure; Partitioned')
    expect(field).toBe(new Original(options).serialize('sid', 'x'))
  })

  test.for([0, '', null, undefined])('%j is false, as it is in express-session', (value) => {
    const options = { secure: value, httpOnly: value, partitioned: value } as CookieOptions
    expect(() => checkCookieOptions(options)).not.toThrow()
    const field = new Cookie(options).serialize('sid', 'x')
    expect(field).toBe('sid=x; Path=/')
    expect(field).toBe(new Original(options).serialize('sid', 'x'))
  })
})
