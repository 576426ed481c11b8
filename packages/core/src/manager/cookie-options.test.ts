import { describe, expect, test } from 'vitest'
import { revocationStore } from '../backend/revocation.ts'
import { createCookieSessionManager } from '../cookie-session.ts'
import { SessionError } from '../errors.ts'
import { memoryStore } from '../memory-store.ts'
import { readCookieOptions } from './cookie-options.ts'

const secret = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const revocation = revocationStore(memoryStore())
const needed = { secrets: [secret], revocation } as const
const hour = 3_600_000

/** Options as JavaScript may give them. */
function read(options: object): ReturnType<typeof readCookieOptions<object>> {
  return readCookieOptions({ ...needed, ...options })
}

/** The message of the refusal. */
function refusalOf(options: object): string {
  try {
    read(options)
  } catch (error) {
    expect(error).toBeInstanceOf(SessionError)
    expect(error).toMatchObject({ code: 'ERR_SESSION_CONFIG' })
    return (error as SessionError).message
  }
  throw new Error('The options were accepted.')
}

test('secrets and a revocation are enough', () => {
  const policy = readCookieOptions(needed)
  expect(policy).toMatchObject({ strict: false, audience: '', maxParts: 4, revocable: true, trustProxy: 0 })
  // A visit is recorded after half of the idle limit.
  expect(policy.lifetime).toMatchObject({ idle: 24 * hour, absolute: 14 * 24 * hour, recordEvery: 12 * hour })
  expect([policy.cookies.secure.name, policy.cookies.loopback.name]).toEqual(['__Host-Http-sid', 'sid'])
})

test('revocation none is written out', () => {
  expect(readCookieOptions({ secrets: [secret], revocation: 'none' })).toMatchObject({
    revocable: false,
    strict: false,
  })
})

test('each option is heeded', () => {
  expect(read({ strict: true, audience: 'shop', maxParts: 16 })).toMatchObject({
    strict: true,
    audience: 'shop',
    maxParts: 16,
  })
  expect(read({ maxParts: 1 }).maxParts).toBe(1)
  expect(read({ lifetime: { renewEvery: '1h' } }).lifetime.renewEvery).toBe(hour)
})

test('an option that is undefined is as good as left out', () => {
  const nothing = {
    strict: undefined,
    audience: undefined,
    maxParts: undefined,
    cookie: undefined,
    lifetime: undefined,
  }
  expect(read(nothing)).toMatchObject({ strict: false, audience: '', maxParts: 4 })
})

test('a partitioned cookie takes two parts, unless it is told to take one', () => {
  const cookie = { sameSite: 'None', partitioned: true }
  expect(read({ cookie }).maxParts).toBe(2)
  expect(read({ cookie, maxParts: 1 }).maxParts).toBe(1)
  expect(read({ cookie, maxParts: 2 }).maxParts).toBe(2)
})

describe('a wrong option is named first, with what it must be:', () => {
  const partitioned = { sameSite: 'None', partitioned: true }
  const absolute = (span: string) => ({ lifetime: { idle: '1h', absolute: span } })
  type Wrong = readonly [what: string, options: object, says: RegExp]
  const wrong: readonly Wrong[] = [
    [
      'no revocation',
      { revocation: undefined },
      /^revocation must be revocationStore\(store\), or 'none' if a copied/,
    ],
    ['no revocation at all', { revocation: null }, /^revocation must be revocationStore\(store\), or 'none'/],
    ['another word', { revocation: 'None' }, /^revocation must be revocationStore\(store\), or 'none'/],
    ['a boolean', { revocation: false }, /^revocation must be revocationStore\(store\), or 'none'/],
    ['a store', { revocation: memoryStore() }, /^revocation must be revocationStore\(store\), or 'none'/],
    [
      'an imitation',
      { revocation: { ...revocation } },
      /^revocation must be revocationStore\(store\), or 'none'/,
    ],
    [
      'a store beside it',
      { store: memoryStore() },
      /^options\.store is not known; there are secrets, .*revocation/,
    ],
    ['a word misspelt', { audiance: 'shop' }, /^options\.audiance is not known; there are .*audience/],
    ['an option of the other manager', { maxSessions: { limit: 1 } }, /^options\.maxSessions is not known/],
    ['no boolean', { strict: 'yes' }, /^strict must be true or false/],
    ['null for strict', { strict: null }, /^strict must be true or false/],
    [
      'strict with none',
      { strict: true, revocation: 'none' },
      /^strict needs revocation: revocationStore\(store\)/,
    ],
    [
      'renewals with none',
      { lifetime: { renewEvery: '1h' }, revocation: 'none' },
      /^lifetime\.renewEvery needs a revocation store: without one, no id ends/,
    ],
    ['a number as the audience', { audience: 7 }, /^audience must be a well-formed string/],
    ['half a character', { audience: '\ud800' }, /^audience must be a well-formed string/],
    ['null for the audience', { audience: null }, /^audience must be a well-formed string/],
    ...[0, 17, 1.5, -1, NaN, Infinity, '4', null].map(
      (maxParts) =>
        [`maxParts ${maxParts}`, { maxParts }, /^maxParts must be a whole number from 1 to 16/] as const,
    ),
    [
      'three parts in a partition',
      { cookie: partitioned, maxParts: 3 },
      /^cookie\.partitioned takes at most 2 parts: .*; set maxParts to 2/,
    ],
    [
      'a list that forgets too soon',
      absolute('15d'),
      /^revocationStore\.keepFor must be at least lifetime\.absolute, .*; make it longer/,
    ],
    ['no secret', { secrets: [] }, /^secrets /],
    ['an unknown limit', { lifetime: { ide: '1h' } }, /^lifetime\.ide is not known/],
  ]

  test.for(wrong)('%s', ([, options, says]) => {
    expect(refusalOf(options)).toMatch(says)
    expect(refusalOf(options)).not.toContain(secret)
  })

  test('the manager refuses at construction, too', () => {
    const options = { ...needed, maxParts: 0 }
    expect(() => createCookieSessionManager(options)).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }),
    )
  })

  test('names that are too long to be bound are refused at construction', () => {
    const options = { ...needed, audience: 'x'.repeat(2000) }
    expect(() => createCookieSessionManager(options)).toThrow(
      /^audience and the name of the cookie are too long/,
    )
  })

  test('options that are none at all', () => {
    for (const options of [undefined, null, 'none'])
      expect(() => createCookieSessionManager(options as never)).toThrow(/^options must be an object/)
  })
})

test('a list that keeps long enough is taken: to the very day', () => {
  expect(() => read({ lifetime: { absolute: '14d' } })).not.toThrow()
  const longer = revocationStore(memoryStore(), { keepFor: '30d' })
  expect(() => read({ lifetime: { absolute: '30d' }, revocation: longer })).not.toThrow()
  // Where nothing is revoked, nothing has to be kept.
  expect(() => read({ lifetime: { absolute: '30d' }, revocation: 'none' })).not.toThrow()
})

test('a revocation is shared by managers, strict or not', () => {
  expect(read({ strict: true }).revocation).not.toBe(read({}).revocation)
})
