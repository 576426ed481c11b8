import { getIronSession, type SessionOptions } from 'iron-session'
import { getIronSession as getIronSession8 } from 'iron-session8'
import { defaults, seal as sealIron } from 'iron-webcrypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  caught,
  goods,
  headerOf,
  oldSecret,
  otherSecret,
  setClock,
  start,
  testReader,
} from '../../../../test/support/foreign-readers.ts'
import { fromIronSession } from './from-iron-session.ts'

const cookieName = 'shop'
const twoWeeks = 1_209_600_000
const minute = 60_000

beforeAll(() => setClock(start))
afterAll(() => void vi.useRealTimers())

/** Signs in at a site that has iron-session, and returns its response. */
async function visit(
  open: typeof getIronSession | typeof getIronSession8,
  options: Partial<SessionOptions> = {},
  data: object = goods,
  cookie = '',
): Promise<Response> {
  const request = new Request('https://shop.test/', { headers: { cookie } })
  const response = new Response()
  const all = { cookieName, password: oldSecret, ...options }
  const session = await (open as typeof getIronSession)<object>(request, response, all)
  Object.assign(session, data)
  await session.save()
  return response
}

const issue = async (data?: object): Promise<string> => headerOf(await visit(getIronSession, {}, data))

testReader({
  library: 'iron-session',
  cookieName,
  read: (options) => fromIronSession({ password: oldSecret, cookieName, ...options }),
  issue,
  alphabet: '[\\w*~.-]',
  nearMisses: 500,
})

const reader = fromIronSession({ password: oldSecret, cookieName })

describe.each([
  ['iron-session 8', getIronSession8],
  ['iron-session 9', getIronSession],
])('%s', (_, open) => {
  test('a session ends with its seal, and the minute that iron grants', async () => {
    const header = headerOf(await visit(open))
    const end = start + twoWeeks + minute
    expect(await reader.read(header, start)).toMatchObject({ data: goods, createdAt: null, expiresAt: end })
    expect(await reader.read(header, end - 1)).not.toBeNull()
    expect(await reader.read(header, end)).toBeNull()
  })

  test('with ttl 0 it has no end of its own', async () => {
    const header = headerOf(await visit(open, { ttl: 0 }))
    expect(await reader.read(header, start + 100 * twoWeeks)).toMatchObject({ data: goods, expiresAt: null })
  })

  test('passwords that were rotated open, and others do not', async () => {
    const old = headerOf(await visit(open, { password: { 1: oldSecret } }))
    const fresh = headerOf(await visit(open, { password: { 1: oldSecret, 2: otherSecret } }))
    const both = fromIronSession({ password: { 1: oldSecret, 2: otherSecret }, cookieName })
    expect(await both.read(old, start)).toMatchObject({ data: goods })
    expect(await both.read(fresh, start)).toMatchObject({ data: goods })
    expect(await reader.read(fresh, start)).toBeNull()
    expect(await fromIronSession({ password: otherSecret, cookieName }).read(old, start)).toBeNull()
    const swapped = fromIronSession({ password: { 1: otherSecret, 2: oldSecret }, cookieName })
    expect(await swapped.read(old, start)).toBeNull()
  })

  test('a cookie as big as browsers take comes whole', async () => {
    const big = { text: 'ü'.repeat(1200) }
    expect(await reader.read(headerOf(await visit(open, {}, big)), start)).toMatchObject({ data: big })
  })

  test('a destroyed session is none', async () => {
    const request = new Request('https://shop.test/', { headers: { cookie: await issue() } })
    const response = new Response()
    const options = { cookieName, password: oldSecret }
    const session = await (open as typeof getIronSession)(request, response, options)
    session.destroy()
    expect(headerOf(response)).toBe('')
  })

  test('it is removed as it was set', async () => {
    const set = (await visit(open)).headers.getSetCookie()[0]!.toLowerCase()
    const session = await reader.read(await issue(), start)
    const [removal = ''] = session!.removeCookies
    for (const attribute of ['Path=/', 'Secure', 'HttpOnly', 'SameSite=Lax']) {
      expect(set).toContain(attribute.toLowerCase())
      expect(removal.split('; ')).toContain(attribute)
    }
  })
})

test('a session in several cookies comes whole, and all of them are removed', async () => {
  const big = { text: '漢'.repeat(2500) }
  const header = headerOf(await visit(getIronSession, { chunk: true }, big))
  expect(header.split('; ').length).toBeGreaterThan(2)
  const session = await reader.read(header, start)
  expect(session).toMatchObject({ data: big })
  const removed = session!.removeCookies.map((field) => field.split('=')[0])
  expect(removed).toEqual([cookieName, ...header.split('; ').map((pair) => pair.split('=')[0])])
  const torn = header.split('; ').slice(1).join('; ')
  expect(await reader.read(torn, start)).toBeNull()
})

/** The cookie of a site that has no say in what it seals. */
async function sealLegacy(data: unknown): Promise<string> {
  const sealed = await sealIron(data, { id: '1', secret: oldSecret }, { ...defaults, ttl: twoWeeks })
  return `${cookieName}=${sealed}`
}

describe('seals of the versions before 6', () => {
  test('hold their data as persistent', async () => {
    const header = await sealLegacy({ persistent: goods, flash: { note: 'hello' } })
    expect(await reader.read(header, start)).toMatchObject({
      data: goods,
      expiresAt: start + twoWeeks + minute,
    })
  })

  test('are not made of others by taking off what is not sealed', async () => {
    const trap = { persistent: { admin: true }, user: 'anna' }
    const header = headerOf(await visit(getIronSession, {}, trap))
    expect(await reader.read(header, start)).toMatchObject({ data: trap })
    expect(header.endsWith('~2')).toBe(true)
    expect(await reader.read(header.slice(0, -2), start)).toBeNull()
    expect(await reader.read((await issue()).slice(0, -2), start)).toBeNull()
  })

  test.each([{ persistent: 'text' }, { persistent: [] }, { persistent: null }, { flash: {} }])(
    'and no session with %j',
    async (data) => {
      expect(await reader.read(await sealLegacy(data), start)).toBeNull()
    },
  )
})

test.each([[[]], ['text'], [5], [null], [true]])('a seal of %j is no session', async (data) => {
  const header = await sealLegacy(data)
  expect(await reader.read(header, start)).toBeNull()
  expect(await reader.read(`${header}~2`, start)).toBeNull()
})

test('a seal is one credential, however it is spelled', async () => {
  const header = await sealedTwice()
  const { credential } = (await reader.read(header, start))!
  expect(header).toContain(credential)
  expect((await reader.read(header.slice(0, -2), start))!.credential).toBe(credential)
  const encoded = header.replaceAll('*', '%2A').replaceAll('~', '%7e')
  expect((await reader.read(encoded, start))!.credential).toBe(credential)
  expect((await reader.read(await sealedTwice(), start))!.credential).not.toBe(credential)

  /** Both with and without its mark a session. */
  async function sealedTwice(): Promise<string> {
    return headerOf(await visit(getIronSession, {}, { persistent: goods }))
  }
})

test('ids that objects have by themselves are no passwords', async () => {
  const header = await issue()
  for (const id of ['constructor', '__proto__', 'toString', 'default', '']) {
    expect(await reader.read(header.replace('Fe26.2*1*', `Fe26.2*${id}*`), start)).toBeNull()
  }
})

test('the clock is the one that the reader is told', async () => {
  const header = await issue()
  setClock(start + 10 * twoWeeks)
  expect(await reader.read(header, start)).toMatchObject({ data: goods })
  setClock(start)
})

test('a seal that has expired, and one of another password, cost no cryptography', async () => {
  const header = await issue()
  const derive = vi.spyOn(crypto.subtle, 'deriveKey')
  expect(await reader.read(header, start + 2 * twoWeeks)).toBeNull()
  expect(await reader.read(header.replace('Fe26.2*1*', 'Fe26.2*2*'), start)).toBeNull()
  expect(derive).not.toHaveBeenCalled()
  expect(await reader.read(header, start)).not.toBeNull()
  expect(derive).toHaveBeenCalledTimes(2)
  derive.mockRestore()
})

test('a seal whose expiry is no date is none', async () => {
  const header = await issue()
  for (const expiry of ['0', '-1', 'never', '01', '1e99', '9'.repeat(16)]) {
    expect(await reader.read(header.replace(/\*\d{13}\*/, `*${expiry}*`), start)).toBeNull()
  }
})

test('passwords that iron would not take are refused', () => {
  for (const password of ['short', '', undefined, null, {}, { 1: 'short' }, { 1: oldSecret, 2: 5 }]) {
    const error = caught(() => fromIronSession({ password: password as never, cookieName }))
    expect(error).toMatchObject({
      code: 'ERR_SESSION_CONFIG',
      message: expect.stringMatching(/^password/),
    })
  }
  expect(caught(() => fromIronSession({ password: oldSecret } as never))).toMatchObject({
    message: expect.stringMatching(/^cookieName/),
  })
})
