import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readOptions, type Policy } from './options.ts'
import { presentedIds } from './presented.ts'
import type { SessionedRequest } from './request.ts'
import { sign, type SignedId } from './signature.ts'

const secrets = ['a newer secret', 'an older secret'] as const

const warnings: string[] = []
const listen = (warning: Error): void => void warnings.push(warning.message)
beforeEach(() => {
  warnings.length = 0
  process.on('deprecation', listen)
})
afterEach(() => void process.off('deprecation', listen))

function policyOf(compat: 1 | 2): Policy {
  return readOptions({ secret: secrets, resave: false, saveUninitialized: false, compat })
}

function cookieOf(sid: string, secret: string = secrets[0]): string {
  return `s:${sign(sid, secret)}`
}

/** What is found of a request with these cookies, in the header or as cookie-parser has read them. */
function present(fields: Partial<SessionedRequest>, header?: string, compat: 1 | 2 = 1): readonly SignedId[] {
  const headers = header === undefined ? {} : { cookie: header }
  return presentedIds({ headers, ...fields } as SessionedRequest, policyOf(compat), secrets)
}

const headerOf = (...values: readonly string[]): string =>
  values.map((value) => `connect.sid=${encodeURIComponent(value)}`).join('; ')

describe('of the header', () => {
  test('all signed ids are found, in order, with the secret of each', () => {
    const header = headerOf(cookieOf('one', secrets[1]), 's:two.forged', 'three', cookieOf('four'))
    expect(present({}, header)).toEqual([
      { sid: 'one', keyIndex: 1 },
      { sid: 'four', keyIndex: 0 },
    ])
    expect(warnings).toEqual([])
  })

  test('they are preferred to what cookie-parser has read', () => {
    const signedCookies = { 'connect.sid': 'other' }
    expect(present({ signedCookies }, headerOf(cookieOf('one')))).toEqual([{ sid: 'one', keyIndex: 0 }])
    expect(warnings).toEqual([])
  })

  test('none are found where there are none', () => {
    for (const header of [undefined, '', 'theme=dark', headerOf('s:one.forged')]) {
      expect(present({}, header)).toEqual([])
    }
  })
})

describe('of cookie-parser', () => {
  test.for([
    ['a signed cookie is believed', { signedCookies: { 'connect.sid': 'one' } }, { sid: 'one', keyIndex: 0 }],
    ['a plain one is checked', { cookies: { 'connect.sid': cookieOf('one') } }, { sid: 'one', keyIndex: 0 }],
    [
      'a plain one may be of an older secret',
      { cookies: { 'connect.sid': cookieOf('one', secrets[1]) } },
      { sid: 'one', keyIndex: 1 },
    ],
    [
      'a signed one comes first',
      { signedCookies: { 'connect.sid': 'one' }, cookies: { 'connect.sid': cookieOf('two') } },
      { sid: 'one', keyIndex: 0 },
    ],
  ] as const)('%s, but not with compat 2', ([, fields, expected]) => {
    expect(present(fields)).toEqual([expected])
    expect(present(fields, undefined, 2)).toEqual([])
  })

  test('a cookie is taken with a warning, and looked for without one', () => {
    const req = { headers: {}, signedCookies: {} } as SessionedRequest
    expect(presentedIds(req, policyOf(1), secrets)).toEqual([])
    expect(warnings).toEqual([])
    req.signedCookies!['connect.sid'] = 'one'
    // depd warns once for each line that calls.
    expect(presentedIds(req, policyOf(1), secrets)).toHaveLength(1)
    expect(warnings).toEqual(['cookie should be available in req.headers.cookie'])
  })

  test.for([
    ['a signature that did not hold', { signedCookies: { 'connect.sid': false } }],
    ['an empty one', { signedCookies: { 'connect.sid': '' } }],
    ['JSON', { signedCookies: { 'connect.sid': { sid: 'one' } }, cookies: { 'connect.sid': ['s:'] } }],
    ['an unsigned one', { cookies: { 'connect.sid': 'one' } }],
    ['one of another mark', { cookies: { 'connect.sid': `x:${sign('one', secrets[0])}` } }],
    ['a forged one', { cookies: { 'connect.sid': 's:one.forged' } }],
    ['one of another name', { cookies: { sid: cookieOf('one') } }],
  ] as const)('%s is nothing', ([, fields]) => {
    expect(present(fields as Partial<SessionedRequest>)).toEqual([])
  })
})
