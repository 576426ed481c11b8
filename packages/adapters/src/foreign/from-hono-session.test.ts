import { useSession, useSessionStorage, type SessionEnv, type SessionOptions } from '@hono/session'
import { Hono } from 'hono'
import { EncryptJWT, exportJWK, generateKeyPair, generateSecret } from 'jose'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
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
import { fromHonoSession, type HonoSessionOptions } from './from-hono-session.ts'

const hour = 3_600_000

beforeAll(() => setClock(start))
afterAll(() => void vi.useRealTimers())

/** A visit to a site that has @hono/session, with or without a change. */
async function visit(
  options: SessionOptions<Record<string, unknown>> = {},
  data?: Record<string, unknown>,
  cookie = '',
): Promise<Response> {
  const app = new Hono<SessionEnv<Record<string, unknown>>>()
  app.use(useSession({ secret: oldSecret, ...options }))
  app.get('/', async (c) => {
    if (data !== undefined) await c.var.session.update(data)
    return c.text('Welcome')
  })
  return app.request('https://shop.test/', { headers: { cookie } })
}

const issue = async (options: SessionOptions<Record<string, unknown>> = {}): Promise<string> =>
  headerOf(await visit(options, goods))

testReader({
  library: '@hono/session',
  cookieName: 'sid',
  read: (options) => fromHonoSession({ secret: oldSecret, ...options }),
  issue: async (data) => headerOf(await visit({}, { ...(data ?? goods) })),
  alphabet: '[\\w.-]',
  nearMisses: 500,
})

const reader = fromHonoSession({ secret: oldSecret })

test('a session says when it began; its claims are no data', async () => {
  const session = await reader.read(await issue(), start + 1000 * hour)
  expect(session).toMatchObject({ createdAt: start, expiresAt: null })
  expect(Object.keys(session!.data)).toEqual(Object.keys(goods))
})

test('it ends when its cookie says so', async () => {
  const header = await issue({ duration: { absolute: 3600 } })
  expect(await reader.read(header, start + hour - 1)).toMatchObject({ expiresAt: start + hour })
  expect(await reader.read(header, start + hour)).toBeNull()
})

test('with its duration, who stayed away is left out, and who comes keeps the rest of his time', async () => {
  const duration = { absolute: 7200, inactivity: 1800 }
  const first = await issue({ duration })
  setClock(start + hour / 3)
  const second = headerOf(await visit({ duration }, { more: true }, first))
  setClock(start)
  const limited = fromHonoSession({ secret: oldSecret, duration })
  const wanted = { createdAt: start, expiresAt: start + 2 * hour }
  expect(await limited.read(first, start + hour / 2 - 1)).toMatchObject(wanted)
  expect(await limited.read(first, start + hour / 2)).toBeNull()
  expect(await limited.read(second, start + hour / 3 + hour / 2 - 1)).toMatchObject(wanted)
  expect(await reader.read(first, start)).toMatchObject({ expiresAt: start + hour / 2 })
  const eternal = await issue()
  expect(await limited.read(eternal, start + 2 * hour - 1)).toMatchObject(wanted)
  expect(await limited.read(eternal, start + 2 * hour)).toBeNull()
  setClock(start + hour)
  const fresh = await issue()
  setClock(start)
  const session = await limited.read(`${eternal}; ${fresh}`, start + 2 * hour)
  expect(session).toMatchObject({ createdAt: start + hour })
})

test('a secret of any kind opens what it has sealed, and no other does', async () => {
  const key = await generateSecret('A256GCM', { extractable: true })
  if (key instanceof Uint8Array) throw new Error('jose makes a CryptoKey.')
  const jwk = { ...(await exportJWK(key)), alg: 'A256GCM' }
  const bytes = Uint8Array.from({ length: 32 }, (_, at) => at * 7)
  const secrets: readonly HonoSessionOptions<object>['secret'][] = [key, jwk, bytes, otherSecret]
  for (const secret of secrets) {
    const header = await issue({ secret })
    expect(await fromHonoSession({ secret }).read(header, start)).toMatchObject({ data: goods })
    expect(await reader.read(header, start)).toBeNull()
  }
})

test('a session that is kept in a storage has no data', async () => {
  const app = new Hono<SessionEnv<Record<string, unknown>>>()
  const kept = new Map<string, Record<string, unknown>>()
  const storage = {
    get: (id: string) => kept.get(id) ?? null,
    set: (id: string, data: Record<string, unknown>) => void kept.set(id, data),
    delete: (id: string) => void kept.delete(id),
  }
  app.use(useSessionStorage(storage), useSession({ secret: oldSecret }))
  app.get('/', async (c) => {
    await c.var.session.update(goods)
    return c.text('Welcome')
  })
  const header = headerOf(await app.request('https://shop.test/'))
  expect(kept.size).toBe(1)
  expect(await reader.read(header, start)).toMatchObject({ data: {} })
})

test('a big session comes whole', async () => {
  const big = { text: 'ü'.repeat(1300) }
  expect(await reader.read(headerOf(await visit({}, big)), start)).toMatchObject({ data: big })
})

test('a token of another kind, or without a session’s id, is none', async () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, at) => at * 7)
  const keyed = fromHonoSession({ secret: bytes })
  const seal = (claims: object, header: { alg: string; enc: string }): Promise<string> =>
    new EncryptJWT({ ...claims }).setProtectedHeader(header).encrypt(bytes)
  const known = { alg: 'dir', enc: 'A256GCM' }
  const withId = { sid: 'x', ...goods }
  expect(await keyed.read(`sid=${await seal(withId, known)}`, start)).toMatchObject({ data: goods })
  const others = [
    await seal(goods, known),
    await seal(withId, { alg: 'dir', enc: 'A128CBC-HS256' }),
    await seal(withId, { alg: 'A256KW', enc: 'A256GCM' }),
    await seal({ ...withId, exp: 'never' }, known),
    await seal({ ...withId, nbf: start / 1000 + 1 }, known),
  ]
  for (const token of others) expect(await keyed.read(`sid=${token}`, start)).toBeNull()
})

test('a key that fits another kind of token opens none of them', async () => {
  const short = new Uint8Array(16).fill(7)
  const { privateKey, publicKey } = await generateKeyPair('ECDH-ES', { extractable: true })
  const claims = { sid: 'x', ...goods }
  const weak = await new EncryptJWT(claims).setProtectedHeader({ alg: 'dir', enc: 'A128GCM' }).encrypt(short)
  const agreed = await new EncryptJWT(claims)
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
    .encrypt(publicKey)
  expect(await fromHonoSession({ secret: short }).read(`sid=${weak}`, start)).toBeNull()
  expect(await fromHonoSession({ secret: privateKey }).read(`sid=${agreed}`, start)).toBeNull()
})

test('without times, a session has none', async () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, at) => at * 7)
  const token = await new EncryptJWT({ sid: 'x', ...goods })
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(bytes)
  expect(await fromHonoSession({ secret: bytes }).read(`sid=${token}`, start)).toMatchObject({
    createdAt: null,
    expiresAt: null,
  })
})

test('it is removed as it was set', async () => {
  const set = (await visit({}, goods)).headers.getSetCookie()[0]!.split('; ')
  const session = await reader.read(await issue(), start)
  const removal = session!.removeCookies[0]!.split('; ')
  for (const attribute of ['Path=/', 'HttpOnly', 'SameSite=Lax']) {
    expect(set).toContain(attribute)
    expect(removal).toContain(attribute)
  }
  expect(set).not.toContain('Secure')
  expect(removal).not.toContain('Secure')
})

test('a prefixed name is removed as browsers demand', async () => {
  const header = (await issue()).replace(/^sid/, '__Host-sid')
  const prefixed = fromHonoSession({ secret: oldSecret, cookieName: '__Host-sid' })
  const session = await prefixed.read(header, start)
  expect(headerOf(session!.removeCookies, header)).toBe('')
})

test('options that cannot be are refused', () => {
  const refused: readonly [RegExp, object][] = [
    [/^secret/, { secret: '' }],
    [/^secret/, { secret: undefined }],
    [/^secret/, { secret: null }],
    [/^duration\.absolute/, { duration: {} }],
    [/^duration\.absolute/, { duration: { absolute: '7d' } }],
    [/^duration\.absolute/, { duration: { absolute: 0 } }],
  ]
  for (const [message, options] of refused) {
    const error = caught(() => fromHonoSession({ secret: oldSecret, ...options }))
    expect(error).toMatchObject({ code: 'ERR_SESSION_CONFIG', message: expect.stringMatching(message) })
  }
})
