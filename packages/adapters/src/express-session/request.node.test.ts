import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  currentSession,
  insecurity,
  isSecure,
  pathMatches,
  pathOf,
  type SessionedRequest,
} from './request.ts'
import { Session } from './session.ts'

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.webUrl(),
  fc.webPath(),
  fc.string({ unit: 'grapheme' }),
)

function request(fields: object): SessionedRequest {
  return { headers: {}, socket: {}, ...fields } as SessionedRequest
}

describe('the path of a request', () => {
  test.for([
    ['/', '/'],
    ['/foo/bar', '/foo/bar'],
    ['/foo?next=/bar', '/foo'],
    ['/foo#bar', '/foo'],
    ['/a%2Fb', '/a%2Fb'],
    ['?a=1', '/'],
    ['', '/'],
    ['*', '*'],
    ['//host/foo', '//host/foo'],
    ['/http://host/foo', '/http://host/foo'],
    ['http://host/foo?bar', '/foo'],
    ['HTTPS://host:8443/foo', '/foo'],
    ['http://host', '/'],
    ['http://host?a=/b', '/'],
    ['/foo\nbar?a\nb', '/foo\nbar'],
  ] as const)('%j is %j', ([url, path]) => {
    expect(pathOf(request({ url }))).toBe(path)
    expect(pathOf(request({ url: '/mounted', originalUrl: url }))).toBe(path)
  })

  test('is / where there is no URL', () => {
    expect(pathOf(request({}))).toBe('/')
  })

  test('is never empty, has no query, and no text makes it throw', () => {
    fc.assert(
      fc.property(text, (url) => {
        expect(pathOf(request({ url }))).toMatch(/^[^?#]+$/s)
      }),
      { seed: 42, numRuns: 2000 },
    )
  })

  test('is that of the URL standard, for absolute URLs', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
        // The standard also resolves dots; a cookie's path is compared as it is.
        fc.pre(!/\/\.|\/%2e/i.test(url))
        expect(pathOf(request({ url }))).toBe(new URL(url).pathname)
      }),
      { seed: 43, numRuns: 500 },
    )
  })
})

describe('a cookie', () => {
  test.for([
    ['/', '/', true],
    ['/foo', '/', true],
    ['/foo', '/foo', true],
    ['/foo/', '/foo', true],
    ['/foo/bar', '/foo', true],
    ['/foo/bar', '/foo/', true],
    ['/foobar', '/foo', false],
    ['/foo', '/foo/', false],
    ['/FOO', '/foo', false],
    ['/bar/foo', '/foo', false],
    ['*', '/', false],
    ['/foo', 'foo', false],
  ] as const)('of %j goes with path %j: %j', ([path, cookiePath, matches]) => {
    expect(pathMatches(path, cookiePath)).toBe(matches)
  })

  test('goes with its own path, with those below it, and with no other', () => {
    // Few letters, so that paths begin alike.
    const path = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 6 }).map((rest) => `/${rest}`)
    fc.assert(
      fc.property(path, path, (asked, own) => {
        const folder = own.endsWith('/') ? own : `${own}/`
        expect(pathMatches(asked, own)).toBe(asked === own || asked.startsWith(folder))
      }),
      { seed: 44, numRuns: 2000 },
    )
  })

  test('of any path, with any request: nothing throws', () => {
    fc.assert(
      fc.property(text, text, (url, cookiePath) => {
        expect(pathMatches(pathOf(request({ url })), cookiePath)).toBeTypeOf('boolean')
      }),
      { seed: 45, numRuns: 1000 },
    )
  })
})

describe('a request', () => {
  const tls = { socket: { encrypted: true } }
  const claims = (proto: string | string[]) => ({ headers: { 'x-forwarded-proto': proto } })

  test.for([
    ['by TLS, whatever is trusted', tls, [true, true, true]],
    ['by a plain socket', { socket: { encrypted: false } }, [false, false, false]],
    ['that Express calls secure', { secure: true }, [false, true, false]],
    ['that something calls secure, but not true', { secure: 'yes' }, [false, false, false]],
    ['that a proxy calls https', claims('https'), [true, false, false]],
    ['through several proxies, the first by https', claims(' HTTPS , http'), [true, false, false]],
    ['through several proxies, the first by http', claims('http, https'), [false, false, false]],
    ['with the field twice', claims(['https', 'http']), [true, false, false]],
    ['with an empty field', claims(''), [false, false, false]],
    ['with a field like it', claims('httpsx'), [false, false, false]],
  ] as const)('%s', ([, fields, secure]) => {
    expect([true, undefined, false].map((proxy) => isSecure(request(fields), proxy))).toEqual(secure)
  })

  test.for([
    [{}, undefined, 'plain-http', 'cookie.secure'],
    [{}, true, 'plain-http', 'cookie.secure'],
    [claims('https'), undefined, 'untrusted-proxy', "app.set('trust proxy', 1)"],
    [claims('https'), false, 'untrusted-proxy', "app.set('trust proxy', 1)"],
    [claims('http'), true, 'plain-http', 'cookie.secure'],
  ] as const)('that is not secure, %j with proxy %j: %s', ([fields, proxy, reason, remedy]) => {
    const why = insecurity(request(fields), proxy)
    expect(why.reason).toBe(reason)
    expect(why.remedy).toContain(remedy)
  })
})

describe('the session of a request', () => {
  const session = new Session({ sessionID: 'sid' })

  test('is there while there is an id', () => {
    expect(currentSession(request({ session, sessionID: 'sid' }))).toBe(session)
    for (const sessionID of [undefined, null, 5, {}]) {
      expect(currentSession(request({ session, sessionID }))).toBeNull()
    }
    for (const nothing of [undefined, null]) {
      expect(currentSession(request({ session: nothing, sessionID: 'sid' }))).toBeNull()
    }
  })

  test.for([{}, { user: 'ann' }, 'ann', 5, true])('that was replaced by %j says so', (replaced) => {
    expect(() => currentSession(request({ session: replaced, sessionID: 'sid' }))).toThrow(
      /^req\.session was replaced by something that is no session\./,
    )
  })
})
