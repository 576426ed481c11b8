import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import vectors from '../../../../test/vectors/cookies.json' with { type: 'json' }
import { maxCookieAge, serializeDeletion, serializeSetCookie, type CookieAttributes } from './set-cookie.ts'

const now = Date.UTC(2026, 0, 1)

interface VectorAttributes extends Omit<CookieAttributes, 'life'> {
  readonly maxAge?: number
}

function attributesOf({ maxAge, ...rest }: VectorAttributes): CookieAttributes {
  return maxAge === undefined ? rest : { ...rest, life: { from: now, until: now + maxAge * 1000 } }
}

test.each(vectors.setCookie.filter(({ header }) => header !== 'refused'))(
  'RFC6265bis-4.1.2 RFC6265bis-4.1.2.2 RFC6265bis-4.1.2.3 RFC6265bis-4.1.2.4 RFC6265bis-4.1.2.5 RFC6265bis-4.1.2.7 RFC6265bis-4.1.3 RFC6265bis-5.5 the field is the one of its vector, $clause: $header',
  ({ name, value, attributes, header }) => {
    const given = attributesOf(attributes as VectorAttributes)
    const field = value === '' ? serializeDeletion(name, given) : serializeSetCookie(name, value, given)
    expect(field).toBe(header)
  },
)

const plain: CookieAttributes = { path: '/', secure: true, httpOnly: true, sameSite: 'Lax' }
const everything: Required<CookieAttributes> = {
  path: '/account',
  domain: 'example.com',
  life: { from: now, until: now + 60_000 },
  secure: true,
  httpOnly: true,
  sameSite: 'None',
  partitioned: true,
  priority: 'High',
}

function attributeNames(field: string): string[] {
  return field
    .split('; ')
    .slice(1)
    .map((attribute) => attribute.split('=')[0]!)
}

test('NIST-5.1-browser a cookie without a life ends with the browser', () => {
  expect(attributeNames(serializeSetCookie('sid', 'v', plain))).toEqual([
    'Path',
    'Secure',
    'HttpOnly',
    'SameSite',
  ])
})

test('RFC6265bis-4.1.2 a prefixed deletion repeats every attribute', () => {
  expect(serializeDeletion('__Secure-sid', everything)).toBe(
    '__Secure-sid=; Path=/account; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ' +
      'Secure; HttpOnly; SameSite=None; Partitioned; Priority=High',
  )
})

test.each([
  ['one second', 1000, 1],
  ['a part of a second, which is left out: the cookie never outlives the session', 1999, 1],
  ['less than a second', 999, 0],
  ['nothing', 0, 0],
  ['a time that is over', -60_000, 0],
  ['400 days', maxCookieAge * 1000, maxCookieAge],
  ['more than the 400 days that browsers allow', maxCookieAge * 1000 + 1000, maxCookieAge],
  ['for ever', Infinity, maxCookieAge],
])('RFC6265bis-5.5 a life of %s', (_, span, seconds) => {
  const field = serializeSetCookie('sid', 'v', { ...plain, life: { from: now, until: now + span } })
  const expires = new Date(now + seconds * 1000).toUTCString()
  expect(field).toContain(`; Max-Age=${seconds}; Expires=${expires};`)
})

const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
const cookieOctet = fc.stringMatching(/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/)
const attributes = fc.record(
  {
    path: fc.constantFrom('/', '/a/b'),
    domain: fc.constantFrom('example.com'),
    life: fc.record({ from: fc.nat({ max: 4e12 }), until: fc.nat({ max: 5e12 }) }),
    secure: fc.boolean(),
    httpOnly: fc.boolean(),
    sameSite: fc.constantFrom('Strict' as const, 'Lax' as const, 'None' as const),
    partitioned: fc.boolean(),
    priority: fc.constantFrom('Low' as const, 'Medium' as const, 'High' as const),
  },
  { requiredKeys: ['path', 'secure', 'httpOnly', 'sameSite'] },
)

test('RFC6265bis-4.1.1 every field has the grammar that servers must keep to, and no attribute twice', () => {
  const grammar =
    /^[!#$%&'*+\-.^_`|~\dA-Za-z]+=[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*(?:; [A-Za-z-]+(?:=[\x20-\x3a\x3c-\x7e]+)?)*$/
  fc.assert(
    fc.property(token, cookieOctet, attributes, (name, value, attributes) => {
      const field = serializeSetCookie(name, value, attributes)
      expect(field).toMatch(grammar)
      expect(field.startsWith(`${name}=${value};`)).toBe(true)
      const names = attributeNames(field)
      expect(new Set(names).size).toBe(names.length)
      expect(names.includes('Secure')).toBe(attributes.secure)
      expect(names.includes('HttpOnly')).toBe(attributes.httpOnly)
      expect(names.includes('Partitioned')).toBe(attributes.partitioned === true)
    }),
    { seed: 411, numRuns: 1000 },
  )
})

test('RFC6265bis-4.1.2.2 Max-Age and Expires name the same second', () => {
  fc.assert(
    fc.property(fc.nat({ max: 4e12 }), fc.integer({ min: -1e12, max: 1e12 }), (from, span) => {
      const field = serializeSetCookie('sid', 'v', { ...plain, life: { from, until: from + span } })
      const [, maxAge, expires] = /Max-Age=(\d+); Expires=([^;]+)/.exec(field)!
      expect(Date.parse(expires!)).toBe(Math.floor((from + Number(maxAge) * 1000) / 1000) * 1000)
      // IMF-fixdate, with a year of four digits.
      expect(expires).toMatch(
        /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
      )
    }),
    { seed: 4122, numRuns: 1000 },
  )
})
