import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import vectors from '../../../../test/vectors/cookies.json' with { type: 'json' }
import { SessionError } from '../errors.ts'
import { cookieValues } from './cookie-header.ts'
import { createSessionCookies, type CookieOptions } from './session-cookie.ts'
import { maxCookieAge } from './set-cookie.ts'

const now = Date.UTC(2026, 0, 1)
const hour = { from: now, until: now + 3_600_000 }

// A browser's cookie jar, as RFC 6265bis §5.6 and §5.7 and the prefixes of layered-cookies describe it. Left out is
// what no test here meets: public suffixes, cookies set by scripts, and what depends on the site of the request.

interface Cookie {
  readonly name: string
  readonly value: string
  readonly domain: string
  readonly hostOnly: boolean
  readonly path: string
  readonly secure: boolean
  readonly expires: number
}

interface Browser {
  /** Takes a `Set-Cookie` field of a response from `url`. @returns Whether it is heeded. */
  receive(field: string, url: string, time: number): boolean
  /** The `Cookie` field of a request to `url`; empty when there is none. */
  header(url: string, time: number): string
}

function createBrowser(): Browser {
  const jar = new Map<string, Cookie>()

  function receive(field: string, url: string, time: number): boolean {
    const { hostname, pathname, protocol } = new URL(url)
    // oxlint-disable-next-line no-control-regex
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(field)) return false
    const [pair = '', ...attributes] = field.split(';')
    const { name, value } = splitPair(pair)
    if (name === '' || octets(name) + octets(value) > 4096) return false

    let domain: string | null = null
    let path = pathname.slice(0, Math.max(1, pathname.lastIndexOf('/')))
    let expires = Infinity
    let maxAge: number | null = null
    const flags = new Set<string>()
    let sameSite = 'default'
    for (const attribute of attributes) {
      const { name, value } = splitPair(attribute.includes('=') ? attribute : `${attribute}=`)
      const key = name.toLowerCase()
      if (octets(value) > 1024) continue
      if (key === 'expires' && !Number.isNaN(Date.parse(value))) expires = Date.parse(value)
      else if (key === 'max-age' && /^-?\d+$/.test(value)) maxAge = Number(value)
      else if (key === 'domain') domain = value.replace(/^\./, '').toLowerCase()
      else if (key === 'path' && value.startsWith('/')) path = value
      else if (key === 'samesite') sameSite = value.toLowerCase()
      else flags.add(key)
    }
    if (maxAge !== null) expires = maxAge <= 0 ? 0 : time + Math.min(maxAge, maxCookieAge) * 1000
    const secure = flags.has('secure')
    const httpOnly = flags.has('httponly')

    if (domain !== null && !domainMatches(hostname, domain)) return false
    if (secure && protocol !== 'https:') return false
    if (!secure && (sameSite === 'none' || flags.has('partitioned'))) return false
    // Prefixes are matched in any case, and each rule whose prefix fits holds.
    const hostWide = domain === null && path === '/'
    if (/^__Secure-/i.test(name) && !secure) return false
    if (/^__Host-/i.test(name) && !(secure && hostWide)) return false
    if (/^__(?:Http|Host-Http)-/i.test(name) && !(secure && httpOnly)) return false

    const cookie = {
      name,
      value,
      domain: domain ?? hostname,
      hostOnly: domain === null,
      path,
      secure,
      expires,
    }
    const key = [name, cookie.domain, cookie.hostOnly, path].join()
    if (expires <= time) jar.delete(key)
    else jar.set(key, cookie)
    return true
  }

  function header(url: string, time: number): string {
    const { hostname, pathname, protocol } = new URL(url)
    return [...jar.values()]
      .filter(({ expires }) => expires > time)
      .filter(({ secure }) => !secure || protocol === 'https:')
      .filter(({ domain, hostOnly }) => (hostOnly ? hostname === domain : domainMatches(hostname, domain)))
      .filter(({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
  }

  return { receive, header }
}

function splitPair(pair: string): { readonly name: string; readonly value: string } {
  const equals = pair.indexOf('=')
  const trim = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '')
  return { name: trim(pair.slice(0, Math.max(0, equals))), value: trim(pair.slice(equals + 1)) }
}

function octets(text: string): number {
  return new TextEncoder().encode(text).length
}

function domainMatches(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(`.${domain}`) && !/^[\d.]+$/.test(host))
}

// The model is only worth something if it refuses what browsers refuse.
test.each([
  ['__Host-Http-sid=a; Path=/; Secure; HttpOnly', true],
  ['__Host-Http-sid=a; Path=/; Secure', false],
  ['__Host-Http-sid=a; Path=/a; Secure; HttpOnly', false],
  ['__HOST-sid=a; Path=/', false],
  ['__Host-sid=a; Path=/; Secure; Domain=app.example.com', false],
  ['__Http-sid=a; Secure; HttpOnly', true],
  ['__Http-sid=a; HttpOnly', false],
  ['__Secure-sid=a; Path=/', false],
  ['sid=a; Domain=example.com', true],
  ['sid=a; Domain=other.example', false],
  ['sid=a; SameSite=None', false],
  ['sid=a; Partitioned', false],
  ['sid=a\u0001', false],
  ['=a', false],
  [`sid=${'a'.repeat(4093)}`, true],
  [`sid=${'a'.repeat(4094)}`, false],
])('the model of a browser knows what to do with %s', (field, stored) => {
  const browser = createBrowser()
  expect(browser.receive(field, 'https://app.example.com/', now)).toBe(stored)
  expect(browser.header('https://app.example.com/a', now) !== '').toBe(stored)
})

test('ASVS-3.3.2 ASVS-3.3.3 ASVS-3.3.4 NIST-5.1-browser NIST-5.1.1 the default is a cookie of this host alone, out of reach for scripts, until the browser closes', () => {
  const { secure } = createSessionCookies({})
  expect(secure.name).toBe('__Host-Http-sid')
  expect(secure.set('v', hour)).toBe('__Host-Http-sid=v; Path=/; Secure; HttpOnly; SameSite=Lax')
  expect(secure.remove()).toBe(
    '__Host-Http-sid=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly; SameSite=Lax',
  )
})

test('CSC-name no default name tells which library it is', () => {
  const { loopback, secure } = createSessionCookies({})
  for (const { name, set } of [loopback, secure]) {
    expect(name).toMatch(/^(?:__Host-Http-)?sid$/)
    expect(set('v', hour)).not.toMatch(/coat|check/i)
  }
})

const kept = 'Max-Age=3600; Expires=Thu, 01 Jan 2026 01:00:00 GMT; '

test.each([
  [false, true, kept],
  [false, false, ''],
  [false, null, ''],
  [false, undefined, ''],
  [true, true, kept],
  [true, false, ''],
  [true, null, kept],
  [true, undefined, kept],
])(
  'NIST-5.1-browser persistent %s, remember %s: a session decides for itself whether its cookie stays',
  (persistent, remember, life) => {
    const { loopback, secure } = createSessionCookies({ persistent })
    expect(secure.set('v', hour, remember)).toBe(
      `__Host-Http-sid=v; Path=/; ${life}Secure; HttpOnly; SameSite=Lax`,
    )
    expect(loopback.set('v', hour, remember)).toBe(`sid=v; Path=/; ${life}HttpOnly; SameSite=Lax`)
  },
)

test('a remembered cookie lives for 400 days at most', () => {
  const decades = { from: now, until: now + 1e12 }
  expect(createSessionCookies({}).secure.set('v', decades, true)).toContain(`; Max-Age=${maxCookieAge};`)
})

test.each<[CookieOptions, string]>([
  [{}, '__Host-Http-'],
  [{ sameSite: 'None', partitioned: true }, '__Host-Http-'],
  [{ path: '/', persistent: true }, '__Host-Http-'],
  [{ domain: 'example.com' }, '__Secure-'],
  [{ path: '/account' }, '__Secure-'],
])('ASVS-3.3.1 with %j the cookie is Secure and its name says so', (options, prefix) => {
  const { name, set } = createSessionCookies(options).secure
  expect(name).toBe(`${prefix}sid`)
  expect(set('v', hour)).toMatch(/; Secure;/)
})

test('on a loopback host over plain http neither prefix nor Secure stand in the way', () => {
  const { loopback } = createSessionCookies({})
  expect(loopback.name).toBe('sid')
  expect(loopback.set('v', hour)).toBe('sid=v; Path=/; HttpOnly; SameSite=Lax')
  expect(loopback.remove()).toBe(
    'sid=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax',
  )
})

test('on a loopback host what needs https or the public domain is left out', () => {
  const embedded = { sameSite: 'None', partitioned: true, priority: 'High', domain: 'example.com' } as const
  const { loopback } = createSessionCookies({ ...embedded, path: '/a', persistent: true })
  expect(loopback.set('v', hour)).toBe(
    'sid=v; Path=/a; Max-Age=3600; Expires=Thu, 01 Jan 2026 01:00:00 GMT; HttpOnly; SameSite=Lax; Priority=High',
  )
})

test.each([
  ['__Host-Http-coat', 'coat'],
  ['__Host-coat', 'coat'],
  ['__Http-coat', 'coat'],
  ['__Secure-coat', 'coat'],
  ['coat', 'coat'],
])('the cookie %s is called %s on a loopback host', (name, onLoopback) => {
  const { secure, loopback } = createSessionCookies({ name })
  expect([secure.name, loopback.name]).toEqual([name, onLoopback])
})

test('RFC6265bis-4.1.2 every attribute that is asked for is set, and repeated by the deletion', () => {
  const { secure } = createSessionCookies({
    name: '__Secure-coat',
    path: '/account',
    domain: 'example.com',
    sameSite: 'None',
    partitioned: true,
    priority: 'Low',
    persistent: true,
  })
  const site = 'Secure; HttpOnly; SameSite=None; Partitioned; Priority=Low'
  expect(secure.set('v', hour)).toBe(
    '__Secure-coat=v; Path=/account; Domain=example.com; Max-Age=3600; Expires=Thu, 01 Jan 2026 01:00:00 GMT; ' +
      site,
  )
  expect(secure.remove()).toBe(
    '__Secure-coat=; Path=/account; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ' +
      site,
  )
})

test.each<[string, CookieOptions]>([
  ['cookie.name', { name: '' }],
  ['cookie.name', { name: 'a b' }],
  ['cookie.name', { name: 'a=b' }],
  ['cookie.name', { name: 'a;b' }],
  ['cookie.name', { name: 'a,b' }],
  ['cookie.name', { name: 'a"b' }],
  ['cookie.name', { name: 'sïd' }],
  ['cookie.name', { name: 'sid\r\nSet-Cookie: x' }],
  ['cookie.name', { name: 5 as unknown as string }],
  ['cookie.name', { name: '__Host-' }],
  ['cookie.name', { name: '__Host-Http-' }],
  ['cookie.name', { name: '__Http-' }],
  ['cookie.name', { name: '__Secure-' }],
  ['cookie.name', { name: '__host-sid' }],
  ['cookie.name', { name: '__SECURE-sid' }],
  ['cookie.name', { name: '__http-sid' }],
  ['cookie.name', { name: 'n'.repeat(4096 - 86) }],
  ['cookie.name', { name: '__Host-sid', path: '/a' }],
  ['cookie.name', { name: '__Host-sid', domain: 'example.com' }],
  ['cookie.name', { name: '__Host-Http-sid', path: '/a' }],
  ['cookie.name', { name: '__Host-Http-sid', domain: 'example.com' }],
  ['cookie.path', { path: '' }],
  ['cookie.path', { path: 'a' }],
  ['cookie.path', { path: '/a;b' }],
  ['cookie.path', { path: '/a b' }],
  ['cookie.path', { path: '/ä' }],
  ['cookie.path', { path: '/a\r\nX: y' }],
  ['cookie.path', { path: `/${'a'.repeat(1024)}` }],
  ['cookie.path', { path: 1 as unknown as string }],
  ['cookie.domain', { domain: '' }],
  ['cookie.domain', { domain: '.example.com' }],
  ['cookie.domain', { domain: 'example.com.' }],
  ['cookie.domain', { domain: 'com' }],
  ['cookie.domain', { domain: 'localhost' }],
  ['cookie.domain', { domain: 'exa mple.com' }],
  ['cookie.domain', { domain: 'example.com; Path=/' }],
  ['cookie.domain', { domain: 'https://example.com' }],
  ['cookie.domain', { domain: 'example.com:8080' }],
  ['cookie.domain', { domain: 'münchen.example' }],
  ['cookie.domain', { domain: `${'a.'.repeat(126)}com` }],
  ['cookie.domain', { domain: true as unknown as string }],
  ['cookie.sameSite', { sameSite: 'lax' as 'Lax' }],
  ['cookie.sameSite', { sameSite: true as unknown as 'Lax' }],
  ['cookie.priority', { priority: 'high' as 'High' }],
  ['cookie.partitioned', { partitioned: true }],
  ['cookie.partitioned', { partitioned: true, sameSite: 'Strict' }],
])(
  'RFC6265bis-4.1.3 RFC6265bis-5.7 %s is to blame in %j, which browsers would refuse or cut',
  (option, options) => {
    const make = () => createSessionCookies(options)
    expect(make).toThrow(SessionError)
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    expect(make).toThrow(option)
  },
)

test.each<[CookieOptions, string]>([
  [{ name: 'Sid0_~!' }, 'Sid0_~!=v; Path=/'],
  [{ path: '/a/b.c~d!$&(),=:@%20' }, '__Secure-sid=v; Path=/a/b.c~d!$&(),=:@%20'],
  [{ path: `/${'a'.repeat(1023)}` }, `__Secure-sid=v; Path=/${'a'.repeat(1023)}`],
  [{ domain: 'EXAMPLE.com' }, '__Secure-sid=v; Path=/; Domain=EXAMPLE.com'],
  [{ domain: '0-9.xn--mnchen-3ya.example' }, '__Secure-sid=v; Path=/; Domain=0-9.xn--mnchen-3ya.example'],
  [{ domain: `${'ab.'.repeat(83)}mine` }, `__Secure-sid=v; Path=/; Domain=${'ab.'.repeat(83)}mine`],
])('%j is good', (options, beginning) => {
  expect(createSessionCookies(options).secure.set('v', hour)).toBe(
    `${beginning}; Secure; HttpOnly; SameSite=Lax`,
  )
})

test.each(vectors.setCookie.filter(({ header }) => header === 'refused'))(
  'RFC6265bis-4.1.1 RFC6265bis-4.1.2.3 RFC6265bis-5.4 RFC6265bis-5.6 RFC6265bis-5.7 its vector is refused at construction, $clause',
  ({ name, attributes }) => {
    const { secure: _, httpOnly: __, ...options } = attributes
    expect(() => createSessionCookies({ name, ...(options as CookieOptions) })).toThrow(SessionError)
  },
)

test('ASVS-3.3.5 ASVS-4.2.5 RFC6265bis-6.1 the name may be as long as 4096 bytes with a token allow, and not longer', () => {
  const name = `__Host-${'n'.repeat(4096 - 87 - 7)}`
  const { secure } = createSessionCookies({ name })
  const token = 't'.repeat(87)
  const browser = createBrowser()
  expect(browser.receive(secure.set(token, hour), 'https://example.com/', now)).toBe(true)
  expect(cookieValues(browser.header('https://example.com/', now), name)).toEqual([token])
  expect(() => createSessionCookies({ name: `${name}n` })).toThrow('cookie.name')
})

test('a prefix behind a prefix is refused: on loopback it would come to light, and browsers refuse it there', () => {
  // Without `__Host-` the name is `__Secure-sid`, which no browser takes without Secure.
  expect(() => createSessionCookies({ name: '__Host-__Secure-sid' })).toThrow(SessionError)
})

const base64url = fc.stringMatching(/^[A-Za-z0-9_-]*$/)

/** Half of these fit together, and half do not. */
const anyOptions = fc.record(
  {
    name: fc
      .tuple(
        fc.constantFrom('', '__Host-Http-', '__Host-', '__Http-', '__Secure-', '__host-'),
        fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,8}$/),
      )
      .map((parts) => parts.join('')),
    path: fc.constantFrom('/', '/account', '/account/'),
    domain: fc.constantFrom('example.com', 'EXAMPLE.com', 'app.example.com'),
    sameSite: fc.constantFrom('Strict' as const, 'Lax' as const, 'None' as const),
    partitioned: fc.boolean(),
    priority: fc.constantFrom('Low' as const, 'Medium' as const, 'High' as const),
    persistent: fc.boolean(),
  },
  { requiredKeys: [] },
)

test('ASVS-3.3.1 ASVS-3.3.3 RFC6265bis-5.7 what is not refused at construction is stored, sent back, read, and removed', () => {
  let accepted = 0
  const places = [
    ['secure', 'https://app.example.com/account/me'],
    ['loopback', 'http://localhost:3000/account/me'],
  ] as const
  fc.assert(
    fc.property(anyOptions, base64url, fc.constantFrom(...places), (options, value, [transport, url]) => {
      let cookie
      try {
        cookie = createSessionCookies(options)[transport]
      } catch (error) {
        expect(error).toBeInstanceOf(SessionError)
        return
      }
      accepted++
      const browser = createBrowser()
      expect(browser.receive(cookie.set(value, hour), url, now)).toBe(true)
      expect(cookieValues(browser.header(url, now), cookie.name)).toEqual([value])

      const kept = options.persistent === true ? [] : [value]
      expect(cookieValues(browser.header(url, hour.until - 1), cookie.name)).toEqual([value])
      expect(cookieValues(browser.header(url, hour.until), cookie.name)).toEqual(kept)

      expect(browser.receive(cookie.remove(), url, now)).toBe(true)
      expect(browser.header(url, now)).toBe('')
    }),
    { seed: 57, numRuns: 3000 },
  )
  expect(accepted).toBeGreaterThan(500)
})

test('a host cookie stays on its host; with a domain, the hosts below it get it as well', () => {
  const own = createSessionCookies({}).secure
  const shared = createSessionCookies({ domain: 'example.com' }).secure
  const browser = createBrowser()
  browser.receive(own.set('own', hour), 'https://app.example.com/', now)
  browser.receive(shared.set('shared', hour), 'https://app.example.com/', now)
  const values = (url: string): string[] =>
    [own, shared].flatMap(({ name }) => cookieValues(browser.header(url, now), name))
  expect(values('https://app.example.com/')).toEqual(['own', 'shared'])
  expect(values('https://other.example.com/')).toEqual(['shared'])
  expect(values('https://example.org/')).toEqual([])
  expect(values('http://app.example.com/')).toEqual([])
})

test.each<CookieOptions>([
  {},
  { persistent: true, priority: 'High', sameSite: 'Strict' },
  { name: '__Secure-coat', domain: 'example.com', path: '/a', sameSite: 'None', partitioned: true },
])('a sibling has another name, and all else from its cookie: %j', (options) => {
  const { secure, loopback } = createSessionCookies(options)
  for (const cookie of [secure, loopback]) {
    const sibling = cookie.sibling('.1')
    // The prefix stays in front, so that browsers ask of it what they ask of the cookie.
    expect(sibling.name).toBe(`${cookie.name}.1`)
    const renamed = (field: string): string => field.replace(`${cookie.name}=`, `${sibling.name}=`)
    expect(sibling.set('v', hour)).toBe(renamed(cookie.set('v', hour)))
    expect(sibling.set('v', hour, true)).toBe(renamed(cookie.set('v', hour, true)))
    expect(sibling.remove()).toBe(renamed(cookie.remove()))
    expect(sibling.sibling('.2').name).toBe(`${cookie.name}.1.2`)
  }
})

test('a cookie and its sibling stand side by side, and neither is read as the other', () => {
  const { secure } = createSessionCookies({})
  const sibling = secure.sibling('.1')
  const browser = createBrowser()
  const url = 'https://example.com/'
  expect(browser.receive(secure.set('own', hour), url, now)).toBe(true)
  expect(browser.receive(sibling.set('other', hour), url, now)).toBe(true)
  expect(cookieValues(browser.header(url, now), secure.name)).toEqual(['own'])
  expect(cookieValues(browser.header(url, now), sibling.name)).toEqual(['other'])
  expect(browser.receive(sibling.remove(), url, now)).toBe(true)
  expect(browser.header(url, now)).toBe(`${secure.name}=own`)
})
