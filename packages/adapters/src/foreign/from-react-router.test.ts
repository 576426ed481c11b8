import { createCookie, createCookieSessionStorage } from 'react-router'
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
import { fromReactRouter } from './from-react-router.ts'

/** A visit to a site that has React Router: its data, and what it flashes. */
async function visit(
  cookie: Parameters<typeof createCookie>[1] & { name?: string } = {},
  data: object = goods,
  flashed: object = {},
): Promise<string> {
  const name = '__session'
  const storage = createCookieSessionStorage({ cookie: { name, secrets: [oldSecret], ...cookie } })
  const session = await storage.getSession()
  for (const [key, value] of Object.entries(data)) session.set(key, value)
  for (const [key, value] of Object.entries(flashed)) session.flash(key, value)
  return storage.commitSession(session)
}

const issue = async (...args: Parameters<typeof visit>): Promise<string> => headerOf([await visit(...args)])

testReader({
  library: 'react-router',
  cookieName: '__session',
  read: (options) => fromReactRouter({ secrets: [oldSecret], ...options }),
  issue: (data) => issue({}, data),
  alphabet: '[\\w+/=.%]',
  nearMisses: 500,
})

const reader = fromReactRouter({ secrets: [oldSecret] })

test('a session has no times of its own', async () => {
  const session = await reader.read(await issue({ maxAge: 1 }), start + 1e12)
  expect(session).toMatchObject({ data: goods, createdAt: null, expiresAt: null })
})

test('secrets that were rotated verify, and others do not', async () => {
  const [old, fresh] = [await issue(), await issue({ secrets: [otherSecret, oldSecret] })]
  const both = fromReactRouter({ secrets: [otherSecret, oldSecret] })
  expect(await both.read(old, start)).toMatchObject({ data: goods })
  expect(await both.read(fresh, start)).toMatchObject({ data: goods })
  expect(await reader.read(fresh, start)).toBeNull()
  expect(await fromReactRouter({ secrets: [otherSecret] }).read(old, start)).toBeNull()
})

test('what was never signed is no session', async () => {
  const unsigned = await createCookie('__session').serialize(goods)
  expect(await reader.read(headerOf([unsigned]), start)).toBeNull()
})

test('what was flashed comes under its own key, unless another value hides it', async () => {
  const header = await issue({}, { user: 'anna', note: 'kept' }, { hello: { to: 'anna' }, note: 'hidden' })
  const session = await reader.read(header, start)
  expect(session!.data).toEqual({ user: 'anna', note: 'kept', hello: { to: 'anna' } })
})

test('take sees what was flashed under its own key, too', async () => {
  const header = await issue({}, {}, { hello: 'anna' })
  const taking = fromReactRouter({ secrets: [oldSecret], take: (data) => ({ data: data as object }) })
  expect((await taking.read(header, start))!.data).toEqual({ hello: 'anna' })
})

test('a key that objects have by themselves is a key like any other', async () => {
  const data = JSON.parse('{ "__proto__": { "admin": true }, "constructor": "x" }') as object
  const session = await reader.read(await issue({}, data), start)
  expect(Object.entries(session!.data)).toEqual(Object.entries(data))
  expect('admin' in session!.data).toBe(false)
})

test('raw or percent-encoded, a cookie is read alike', async () => {
  const header = await issue({}, { text: '>>>???ÿ' })
  expect(header).toContain('%')
  const encoded = await reader.read(header, start)
  const raw = await reader.read(decodeURIComponent(header), start)
  expect(raw).toEqual(encoded)
  expect(await reader.read(header.toLowerCase(), start)).toBeNull()
})

test('a big session comes whole', async () => {
  const big = { text: 'ü'.repeat(1300) }
  expect(await reader.read(await issue({}, big), start)).toMatchObject({ data: big })
})

test.each([['text'], [5], [null], [true], [[]]])('a signed %j is no session', async (value) => {
  const cookie = createCookie('__session', { secrets: [oldSecret] })
  expect(await reader.read(headerOf([await cookie.serialize(value)]), start)).toBeNull()
})

test('it is removed as it was set', async () => {
  const set = (await visit({ httpOnly: true, secure: true, sameSite: 'strict' })).split('; ')
  const scoped = fromReactRouter({ secrets: [oldSecret], cookie: { secure: true, sameSite: 'strict' } })
  const session = await scoped.read(await issue(), start)
  const removal = session!.removeCookies[0]!.split('; ')
  for (const attribute of ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Strict']) {
    expect(set).toContain(attribute)
    expect(removal).toContain(attribute)
  }
})

test('secrets that sign nothing are refused, with the reason', () => {
  const refused: readonly [RegExp, unknown][] = [
    [/^secrets must .* unsigned ones anybody can write/, []],
    [/^secrets must/, undefined],
    [/^secrets must/, oldSecret],
    [/^secrets\[1\]/, [oldSecret, '']],
  ]
  for (const [message, secrets] of refused) {
    const error = caught(() => fromReactRouter({ secrets: secrets as [string] }))
    expect(error).toMatchObject({ code: 'ERR_SESSION_CONFIG', message: expect.stringMatching(message) })
  }
})
