import cookieSession from 'cookie-session'
import { expect, test } from 'vitest'
import {
  caught,
  goods,
  headerOf,
  oldSecret,
  otherSecret,
  start,
  testReader,
} from '../../../../test/support/foreign-readers.ts'
import { fromCookieSession } from './from-cookie-session.ts'

type Options = Parameters<typeof cookieSession>[0]

/** A visit to a site that has cookie-session: the part of a Node response that it asks for, in any runtime. */
function visit(options: Options = {}, data: object | null = goods, cookie = ''): string[] {
  const fields: string[] = []
  const request = { headers: { cookie }, protocol: 'https', socket: { encrypted: true }, session: null }
  const response = {
    statusCode: 200,
    getHeader: () => [],
    setHeader: (_: string, values: readonly string[]) => void fields.push(...values),
    writeHead: () => {},
  }
  const middleware = cookieSession({ keys: [oldSecret], ...options })
  middleware(request as never, response as never, () => {
    Reflect.set(request, 'session', data)
    response.writeHead()
  })
  return fields
}

const issue = (options?: Options, data?: object): string => headerOf(visit(options, data))

testReader({
  library: 'cookie-session',
  cookieName: 'session',
  read: (options) => fromCookieSession({ keys: [oldSecret], ...options }),
  issue: (data) => Promise.resolve(issue({}, data)),
  alphabet: '[\\w+/=-]',
  nearMisses: 500,
})

const reader = fromCookieSession({ keys: [oldSecret] })

test('a session has no times of its own', async () => {
  const header = issue({ maxAge: 1000 })
  const session = await reader.read(header, start + 1e12)
  expect(session).toMatchObject({ data: goods, createdAt: null, expiresAt: null })
})

test('keys that were rotated verify, and others do not', async () => {
  const [old, fresh] = [issue(), issue({ keys: [otherSecret, oldSecret] })]
  const both = fromCookieSession({ keys: [otherSecret, oldSecret] })
  expect(await both.read(old, start)).toMatchObject({ data: goods })
  expect(await both.read(fresh, start)).toMatchObject({ data: goods })
  expect(await reader.read(fresh, start)).toBeNull()
  expect(await fromCookieSession({ keys: [otherSecret] }).read(old, start)).toBeNull()
})

test('the option secret of cookie-session is a key', async () => {
  const header = headerOf(visit({ keys: undefined, secret: otherSecret }))
  expect(await fromCookieSession({ keys: [otherSecret] }).read(header, start)).toMatchObject({ data: goods })
})

test('what was never signed is no session', async () => {
  const header = issue({ keys: undefined, signed: false })
  expect(header).toMatch(/^session=[^;]*$/)
  expect(await reader.read(header, start)).toBeNull()
})

test('a signature is for one name', async () => {
  const header = issue({ name: 'basket' })
  expect(await reader.read(header.replaceAll('basket', 'session'), start)).toBeNull()
  const baskets = fromCookieSession({ keys: [oldSecret], cookieName: 'basket' })
  expect(await baskets.read(header, start)).toMatchObject({ data: goods })
})

test('a signature is for one session', async () => {
  const [value] = issue().split('; ')
  const [, signature] = issue({}, { user: 'bert' }).split('; ')
  expect(await reader.read(`${value}; ${signature}`, start)).toBeNull()
})

test('among planted cookies, those that belong together are found', async () => {
  const pair = issue()
  const planted = 'session=eyJ9; session.sig=AAAAAAAAAAAAAAAAAAAAAAAAAAA'
  expect(await reader.read(`${planted}; ${pair}`, start)).toMatchObject({ data: goods })
  expect(await reader.read(`${pair}; ${planted}`, start)).toMatchObject({ data: goods })
})

test('a big session comes whole, and one that was ended is none', async () => {
  const big = { text: 'ü'.repeat(1400) }
  expect(await reader.read(issue({}, big), start)).toMatchObject({ data: big })
  expect(headerOf(visit({}, null, issue()))).not.toContain('eyJ')
  expect(await reader.read(headerOf(visit({}, null, issue())), start)).toBeNull()
})

test('the signature goes with the session', async () => {
  const session = await reader.read(issue(), start)
  expect(session!.removeCookies).toEqual([
    'session=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly',
    'session.sig=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly',
  ])
})

test('keys that sign nothing are refused', () => {
  const refused: readonly [RegExp, unknown][] = [
    [/^keys must/, []],
    [/^keys must/, undefined],
    [/^keys must/, oldSecret],
    [/^keys\[1\]/, [oldSecret, '']],
    [/^keys\[0\]/, [7]],
  ]
  for (const [message, keys] of refused) {
    const error = caught(() => fromCookieSession({ keys: keys as [string] }))
    expect(error).toMatchObject({ code: 'ERR_SESSION_CONFIG', message: expect.stringMatching(message) })
  }
})
