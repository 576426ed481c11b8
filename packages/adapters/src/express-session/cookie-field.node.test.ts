import { ServerResponse, type IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { appendCookie } from '../frameworks/append-cookie.ts'
import { cookieFor, removal } from './cookie-field.ts'
import { Cookie } from './cookie.ts'
import type { SessionedRequest } from './request.ts'

function request(encrypted: boolean): SessionedRequest {
  return { headers: {}, socket: { encrypted } } as unknown as SessionedRequest
}

describe('the cookie of a new session', () => {
  test.for([
    [{ secure: 'auto', sameSite: 'auto' }, true, { secure: true, sameSite: 'none' }],
    [{ secure: 'auto', sameSite: 'auto' }, false, { secure: false, sameSite: 'lax' }],
    [{ secure: true, sameSite: 'strict' }, false, { secure: true, sameSite: 'strict' }],
    [{ secure: false, sameSite: true }, true, { secure: false, sameSite: true }],
    [{ path: '/shop', maxAge: null }, true, { path: '/shop', expires: null, httpOnly: true }],
  ] as const)('with %j, by TLS %j', ([options, encrypted, expected]) => {
    const cookie = cookieFor(request(encrypted), options, undefined)
    expect(cookie).toBeInstanceOf(Cookie)
    expect(cookie).toMatchObject(expected)
  })

  test('trusts whom it is told to trust', () => {
    const req = { headers: { 'x-forwarded-proto': 'https' }, socket: {} } as unknown as SessionedRequest
    expect(cookieFor(req, { secure: 'auto' }, true).secure).toBe(true)
    expect(cookieFor(req, { secure: 'auto' }, false).secure).toBe(false)
  })

  test('is its own: what a handler sets is not set for others', () => {
    const options = { path: '/' }
    cookieFor(request(true), options, undefined).path = '/shop'
    expect(cookieFor(request(true), options, undefined).path).toBe('/')
  })
})

test('a cookie is removed by its name, domain and path, with an end in the past and no value', () => {
  const cookie = new Cookie({
    domain: 'example.com',
    path: '/shop',
    maxAge: 60_000,
    secure: true,
    sameSite: 'lax',
  })
  expect(removal('connect.sid', cookie)).toBe(
    'connect.sid=; Domain=example.com; Path=/shop; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
  )
  expect(cookie.expires).not.toEqual(new Date(0))
})

test.for([
  [undefined, ['sid=1']],
  ['theme=dark', ['theme=dark', 'sid=1']],
  [
    ['theme=dark', 'lang=de'],
    ['theme=dark', 'lang=de', 'sid=1'],
  ],
] as const)('a cookie is set beside %j', ([before, after]) => {
  const res = new ServerResponse({ method: 'GET' } as IncomingMessage)
  if (before !== undefined) res.setHeader('Set-Cookie', before)
  appendCookie(res, 'sid=1')
  expect(res.getHeader('Set-Cookie')).toEqual(after)
})
