import { H3, getSession, sealSession, updateSession, useSession, type SessionConfig } from 'h3'
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
import { fromH3 } from './from-h3.ts'

const minute = 60_000
const hour = 3_600_000

beforeAll(() => setClock(start))
afterAll(() => void vi.useRealTimers())

/** As h3 1 seals, and h3 2 did at first: one round of PBKDF2. */
const legacy = { seal: defaults }

/** A visit to a site that has h3, with or without a change. */
async function visit(config: Partial<SessionConfig> = {}, data?: object, cookie = ''): Promise<Response> {
  const app = new H3()
  app.get('/', async (event) => {
    const session = await useSession(event, { password: oldSecret, ...config })
    if (data !== undefined) await session.update(data)
    return 'Welcome'
  })
  return app.request('https://shop.test/', { headers: { cookie } })
}

const issue = async (config: Partial<SessionConfig> = {}, data: object = goods): Promise<string> =>
  headerOf(await visit(config, data))

testReader({
  library: 'h3',
  cookieName: 'h3',
  read: (options) => fromH3({ password: oldSecret, ...options }),
  issue: (data) => issue({}, data),
  alphabet: '[\\w*.-]',
  nearMisses: 300,
})

const reader = fromH3({ password: oldSecret })

test('a session says when it began, and has no end unless it was given one', async () => {
  const header = await issue()
  expect(await reader.read(header, start + 1000 * hour)).toMatchObject({ createdAt: start, expiresAt: null })
})

test('seals of h3 1 open, unless they are refused', async () => {
  const header = await issue(legacy)
  expect(await reader.read(header, start)).toMatchObject({ data: goods, createdAt: start })
  const strict = fromH3({ password: oldSecret, legacySealFallback: false })
  expect(await strict.read(header, start)).toBeNull()
  expect(await strict.read(await issue(), start)).toMatchObject({ data: goods })
})

test('another password opens nothing', async () => {
  const other = fromH3({ password: otherSecret })
  expect(await other.read(await issue(), start)).toBeNull()
  expect(await other.read(await issue(legacy), start)).toBeNull()
})

test('the name is the one of the cookie', async () => {
  const header = await issue({ name: 'nuxt-session' })
  expect(await fromH3({ password: oldSecret, cookieName: 'nuxt-session' }).read(header, start)).toMatchObject(
    {
      data: goods,
    },
  )
  expect(await reader.read(header, start)).toBeNull()
})

describe('a limit', () => {
  test('maxAge counts from the beginning, whatever was sealed since', async () => {
    const config = { maxAge: 3600 }
    const first = await issue(config)
    setClock(start + hour / 2)
    const second = headerOf(await visit(config, { more: true }, first))
    setClock(start)
    const limited = fromH3({ password: oldSecret, maxAge: 3600 })
    for (const header of [first, second]) {
      const session = await limited.read(header, start + hour - 1)
      expect(session).toMatchObject({ createdAt: start, expiresAt: start + hour })
      expect(await limited.read(header, start + hour)).toBeNull()
    }
  })

  test('that only the seal knows is the one of the seal, and the minute that iron grants', async () => {
    const header = await issue({ maxAge: 3600 })
    const end = start + hour + minute
    expect(await reader.read(header, end - 1)).toMatchObject({ createdAt: start, expiresAt: end })
    expect(await reader.read(header, end)).toBeNull()
  })

  test('idleTimeout leaves out who stayed away, and does not follow who comes', async () => {
    const config = { idleTimeout: 1800 }
    const first = await issue(config)
    setClock(start + hour / 3)
    const second = headerOf(await visit(config, { more: true }, first))
    setClock(start)
    const limited = fromH3({ password: oldSecret, idleTimeout: 1800 })
    expect(await limited.read(first, start + hour / 2 - 1)).toMatchObject({ expiresAt: null })
    expect(await limited.read(first, start + hour / 2)).toBeNull()
    const later = start + hour / 3 + hour / 2
    expect(await limited.read(second, later - 1)).toMatchObject({ createdAt: start, expiresAt: null })
    expect(await limited.read(second, later)).toBeNull()
  })

  test('of both kinds holds both', async () => {
    const limits = { maxAge: 3600, idleTimeout: 1800 }
    const first = await issue(limits)
    setClock(start + hour / 3)
    const second = headerOf(await visit(limits, { more: true }, first))
    setClock(start)
    const limited = fromH3({ password: oldSecret, ...limits })
    expect(await limited.read(first, start + hour / 2)).toBeNull()
    expect(await limited.read(second, start + hour / 2)).toMatchObject({ expiresAt: start + hour })
    expect(await limited.read(second, start + hour)).toBeNull()
    expect(await limited.read(`${first}; ${second}`, start + hour / 2)).toMatchObject({
      data: { more: true },
    })
  })

  test('leaves out the one that has ended, and not the one behind it', async () => {
    const old = await issue()
    setClock(start + hour / 2)
    const fresh = await issue()
    setClock(start)
    const limited = fromH3({ password: oldSecret, maxAge: 3600 })
    const session = await limited.read(`${old}; ${fresh}`, start + hour)
    expect(session).toMatchObject({ createdAt: start + hour / 2 })
  })

  test('has ended what does not say when it began', async () => {
    const sealed = await sealIron({ id: 'x', data: goods }, oldSecret, defaults)
    expect(await reader.read(`h3=${sealed}`, start)).toMatchObject({ data: goods, createdAt: null })
    for (const limit of [{ maxAge: 3600 }, { idleTimeout: 3600 }]) {
      expect(await fromH3({ password: oldSecret, ...limit }).read(`h3=${sealed}`, start)).toBeNull()
    }
  })
})

describe('a session in several cookies', () => {
  const big = { text: '漢字'.repeat(3000) }

  test('comes whole, and all of them are removed', async () => {
    const header = headerOf(await visit({}, big))
    const names = header.split('; ').map((pair) => pair.split('=')[0])
    expect(names.length).toBeGreaterThan(4)
    const session = await reader.read(header, start)
    expect(session).toMatchObject({ data: big })
    expect(session!.removeCookies.map((field) => field.split('=')[0])).toEqual(names)
  })

  test('is none when a part is missing, changed or in another place', async () => {
    const header = headerOf(await visit({}, big))
    const pairs = header.split('; ')
    const cases = [
      pairs.filter((pair) => !pair.startsWith('h3.2=')),
      pairs.map((pair) => (pair.startsWith('h3.2=') ? `${pair}A` : pair)),
      pairs.map((pair) => pair.replace('h3.1=', 'h3.x=').replace('h3.2=', 'h3.1=').replace('h3.x=', 'h3.2=')),
      pairs.filter((pair) => !pair.startsWith('h3=')),
    ]
    for (const changed of cases) expect(await reader.read(changed.join('; '), start)).toBeNull()
  })

  test('may have as many parts as h3 makes, and not more', async () => {
    const seal = (await issue(legacy)).slice('h3='.length)
    const split = (count: number): string => {
      const parts = Array.from({ length: count }, (_, at) => {
        const part = at === count - 1 ? seal.slice(at) : seal.charAt(at)
        return `h3.${at + 1}=${part}`
      })
      return [`h3=__chunked__${count}`, ...parts].join('; ')
    }
    expect(await reader.read(split(100), start)).toMatchObject({ data: goods })
    expect(await reader.read(split(101), start)).toBeNull()
  })

  test('and counts that no site writes lead nowhere', async () => {
    const parts = headerOf(await visit({}, big))
      .split('; ')
      .slice(1)
      .join('; ')
    for (const count of ['', '0', '-1', '1e9', '101', '999', '99999999', '5x', '05']) {
      expect(await reader.read(`h3=__chunked__${count}; ${parts}`, start)).toBeNull()
    }
  })
})

test('two cookies of the name are looked at, since each costs thousands of rounds', async () => {
  const near = (await issue()).replace(/.$/, (last) => (last === 'A' ? 'E' : 'A'))
  const derive = vi.spyOn(crypto.subtle, 'deriveKey')
  expect(await reader.read(Array.from({ length: 9 }, () => near).join('; '), start)).toBeNull()
  expect(derive).toHaveBeenCalledTimes(4)
  derive.mockRestore()
})

test('the header that h3 reads too is no cookie', async () => {
  const app = new H3()
  app.get('/', async (event) => {
    await updateSession(event, { password: oldSecret }, goods)
    return sealSession(event, { password: oldSecret })
  })
  app.get('/who', async (event) => (await getSession(event, { password: oldSecret })).data)
  const sealed = await (await app.request('https://shop.test/')).text()
  const headers = { 'x-h3-session': sealed }
  expect(await (await app.request('https://shop.test/who', { headers })).json()).toEqual(goods)
  expect(await reader.read(`x-h3-session=${sealed}`, start)).toBeNull()
})

test.each([[[]], ['text'], [5], [null], [{}], [{ data: null }], [{ data: [] }], [{ data: 'text' }]])(
  'a seal of %j is no session',
  async (content) => {
    const sealed = await sealIron(content, oldSecret, defaults)
    expect(await reader.read(`h3=${sealed}`, start)).toBeNull()
  },
)

test('times that are none are left out', async () => {
  for (const createdAt of ['today', null, 0, -1, {}]) {
    const sealed = await sealIron({ createdAt, data: goods }, oldSecret, defaults)
    expect(await reader.read(`h3=${sealed}`, start)).toMatchObject({ data: goods, createdAt: null })
  }
})

test('it is removed as it was set', async () => {
  const set = (await visit({}, goods)).headers.getSetCookie()[0]!.split('; ')
  const session = await reader.read(await issue(), start)
  const removal = session!.removeCookies[0]!.split('; ')
  for (const attribute of ['Path=/', 'Secure', 'HttpOnly', 'SameSite=Lax']) {
    expect(set).toContain(attribute)
    expect(removal).toContain(attribute)
  }
})

test('options that h3 would not take are refused', () => {
  const refused: readonly [RegExp, object][] = [
    [/^password/, { password: 'short' }],
    [/^password/, { password: undefined }],
    [/^maxAge/, { maxAge: 0 }],
    [/^maxAge/, { maxAge: Number.NaN }],
    [/^idleTimeout/, { idleTimeout: '30m' }],
    [/^legacySealFallback/, { legacySealFallback: 1 }],
    [/^options\.name is not known/, { name: 'h3' }],
  ]
  for (const [message, options] of refused) {
    const error = caught(() => fromH3({ password: oldSecret, ...options }))
    expect(error).toMatchObject({ code: 'ERR_SESSION_CONFIG', message: expect.stringMatching(message) })
  }
})
