import { describe, expect, test } from 'vitest'
import { Browser } from '../../../test/support/browser.ts'
import {
  idOf,
  newerSecret,
  openCloakroom,
  secret,
  type Cloakroom,
  type Goods,
} from '../../../test/support/cloakroom.ts'
import { fromBase64url, toBase64url } from './crypto/bytes.ts'
import { createKeyring } from './crypto/keyring.ts'
import { createCsrf, type Csrf, type CsrfOptions } from './csrf.ts'
import type { Session } from './index.ts'

const csrf = createCsrf({ mode: 'token', secrets: [secret], onEvent: () => {} })

/** What a POST with this token comes to: `'allowed'`, or why not. */
async function post(
  room: Cloakroom<Goods>,
  browser: Browser,
  token: string,
  by: Csrf = csrf,
): Promise<string> {
  const request = browser.request('/', { method: 'POST', headers: { 'x-csrf-token': token } })
  const { value } = await room.visit(browser, (session) => by.check(request, session), request)
  return value.allowed ? 'allowed' : value.reason
}

/** A page with a form, rendered after `before` in the same request; the token in it. */
async function form(
  room: Cloakroom<Goods>,
  browser: Browser,
  before: (session: Session<Goods>) => void = () => {},
): Promise<string> {
  const { value } = await room.visit(browser, (session) => {
    before(session)
    return csrf.token(session)
  })
  return value
}

describe('ASVS-3.5.1 NIST-5.1-csrf a request needs the token of its session', () => {
  test('its own is good, as often as it is sent', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const token = await form(room, browser)
    expect(await post(room, browser, token)).toBe('allowed')
    expect(await post(room, browser, token)).toBe('allowed')
  })

  test('that of another session is not', async () => {
    const room = openCloakroom()
    const [ann, bob] = [await room.welcome(), await room.welcome((session) => session.login('bob'))]
    expect(await post(room, ann, await form(room, bob))).toBe('token-invalid')
    const anns = await room.welcome()
    expect(await post(room, ann, await form(room, anns))).toBe('token-invalid')
  })

  test('without one, nothing passes but safe methods', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    expect(await post(room, browser, '')).toBe('token-missing')
    const session = await room.load(browser)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      // The browser itself vouches for it: in this mode that is not enough.
      const headers = { 'sec-fetch-site': 'same-origin', origin: 'https://shop.test' }
      const verdict = await csrf.check(browser.request('/', { method, headers }), session)
      expect(verdict).toMatchObject({ allowed: false, reason: 'token-missing' })
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      expect(await csrf.check(browser.request('/', { method }), session)).toEqual({ allowed: true })
    }
  })

  test('with any bit of it changed, it is worthless', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const session = await room.load(browser)
    const parts = (await csrf.token(session)).split('.')
    for (const part of [0, 1]) {
      for (let bit = 0; bit < 256; bit++) {
        const bytes = fromBase64url(parts[part]!)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        const token = parts.with(part, toBase64url(bytes)).join('.')
        const request = browser.request('/', { method: 'POST', headers: { 'x-csrf-token': token } })
        expect(await csrf.check(request, session)).toHaveProperty('reason', 'token-invalid')
      }
    }
  })

  test('neither parts of two tokens nor other texts make one', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const [one, two] = [await form(room, browser), await form(room, browser)]
    const [salt = '', proof = ''] = one.split('.')
    const others = [
      `${salt}.${two.split('.')[1]}`,
      `${proof}.${salt}`,
      `${salt}${proof}`,
      `${salt}.`,
      `.${proof}`,
      `${one}.`,
      `${one}\n`,
      `${one}, ${two}`,
      `${one}=`,
      `${salt.slice(1)}.${salt[0]}${proof}`,
      // The same bytes, with other bits in the unused end of the last character.
      `${salt}.${proof.slice(0, -1)}${String.fromCharCode(proof.charCodeAt(42) + 1)}`,
      'null',
      'A'.repeat(100_000),
    ]
    const session = await room.load(browser)
    for (const token of others) {
      const request = { method: 'POST', url: '/', headers: { get: fieldOf('x-csrf-token', token) } }
      expect([token, await csrf.check(request, session)]).toEqual([
        token,
        expect.objectContaining({ reason: 'token-invalid' }),
      ])
    }
    expect(await post(room, browser, one)).toBe('allowed')
  })

  test('ASVS-9.2.2 what the same secret has signed for other purposes is none', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const [anchor = ''] = (await room.load(browser)).anchors
    const salt = (await form(room, browser)).split('.')[0]!
    const signed = await createKeyring([secret]).sign('session-token', `v1\0${anchor}\0${salt}`)
    expect(await post(room, browser, `${salt}.${signed}`)).toBe('token-invalid')
    const right = await createKeyring([secret]).sign('csrf-token', `v1\0${anchor}\0${salt}`)
    expect(await post(room, browser, `${salt}.${right}`)).toBe('allowed')
    // The cookie has the very form of a token.
    expect(await post(room, browser, browser.value())).toBe('token-invalid')
  })

  test('ASVS-11.2.2 an older secret still vouches for its tokens, a retired one does not', async () => {
    const room = openCloakroom({ secrets: [newerSecret, secret] })
    const browser = await room.welcome()
    const token = await form(room, browser)
    const by = (...secrets: [string, ...string[]]): Csrf =>
      createCsrf({ mode: 'token', secrets, onEvent: () => {} })
    expect(await post(room, browser, token, by(newerSecret, secret))).toBe('allowed')
    expect(await post(room, browser, token, by(newerSecret))).toBe('token-invalid')
  })

  test('no two tokens of a session have anything in common (BREACH)', async () => {
    const room = openCloakroom()
    const session = await room.load(await room.welcome())
    const tokens = await Promise.all(Array.from({ length: 50 }, () => csrf.token(session)))
    expect(new Set(tokens.flatMap((token) => token.split('.'))).size).toBe(100)
    for (const token of tokens) {
      expect(token).toMatch(/^[\w-]{43}\.[\w-]{43}$/)
      expect(token).not.toContain(session.id)
    }
  })
})

describe('where a token is looked for', () => {
  const secrets = { mode: 'token', secrets: [secret], onEvent: () => {} } satisfies CsrfOptions

  async function send(
    make: (token: string) => { body?: BodyInit; headers?: Record<string, string>; path?: string },
    by: Csrf = csrf,
  ): Promise<{ outcome: string; request: Request }> {
    const room = openCloakroom()
    const browser = await room.welcome()
    const session = await room.load(browser)
    const { body = null, headers = {}, path = '/' } = make(await csrf.token(session))
    const request = browser.request(path, { method: 'POST', headers, body })
    if (headers['cookie'] !== undefined) request.headers.append('cookie', headers['cookie'])
    const verdict = await by.check(request, session)
    return { outcome: verdict.allowed ? 'allowed' : verdict.reason, request }
  }

  test('a form has it in a field, and its body stays for the handler', async () => {
    const { outcome, request } = await send((token) => ({
      body: new URLSearchParams({ csrf: token, item: 'hat' }),
    }))
    expect(outcome).toBe('allowed')
    expect(request.bodyUsed).toBe(false)
    expect((await request.formData()).get('item')).toBe('hat')
  })

  test('so has a form with files', async () => {
    const { outcome, request } = await send((token) => {
      const body = new FormData()
      body.set('csrf', token)
      body.set('photo', new File(['pixels'], 'hat.png'))
      return { body }
    })
    expect(outcome).toBe('allowed')
    expect(await ((await request.formData()).get('photo') as File).text()).toBe('pixels')
  })

  test('the field may have another name', async () => {
    const by = createCsrf({ ...secrets, field: '_token' })
    expect(by.field).toBe('_token')
    const named = (name: string) => (token: string) => ({ body: new URLSearchParams({ [name]: token }) })
    expect(await send(named('_token'), by)).toHaveProperty('outcome', 'allowed')
    expect(await send(named('csrf'), by)).toHaveProperty('outcome', 'token-missing')
  })

  test.for<[string, Parameters<typeof send>[0]]>([
    ['the query', (token) => ({ path: `/?csrf=${token}` })],
    ['a cookie', (token) => ({ headers: { cookie: `csrf=${token}; x-csrf-token=${token}` } })],
    [
      'JSON',
      (token) => ({ body: JSON.stringify({ csrf: token }), headers: { 'content-type': 'application/json' } }),
    ],
    ['plain text', (token) => ({ body: `csrf=${token}` })],
    ['another header', (token) => ({ headers: { 'x-xsrf-token': token } })],
    ['a file', (token) => fileWith(token)],
    [
      'two fields',
      (token) => ({
        body: new URLSearchParams([
          ['csrf', token],
          ['csrf', token],
        ]),
      }),
    ],
    [
      'a broken form',
      (token) => ({ body: `csrf=${token}`, headers: { 'content-type': 'multipart/form-data' } }),
    ],
  ])('in %s it is not', async ([, make]) => {
    expect(await send(make)).toHaveProperty('outcome', 'token-missing')
  })

  test('the header comes first, and a wrong one is not made good by the form', async () => {
    const wrong = { 'x-csrf-token': 'wrong' }
    const both = await send((token) => ({ body: new URLSearchParams({ csrf: token }), headers: wrong }))
    expect(both.outcome).toBe('token-invalid')
  })

  test('nobody reads the body of a stranger', async () => {
    const room = openCloakroom()
    const body = new ReadableStream({
      pull() {
        throw new Error('read')
      },
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit
    const verdict = await csrf.check(new Request('https://shop.test/', init), await room.load(new Browser()))
    expect(verdict).toHaveProperty('reason', 'token-missing')
  })
})

describe('who comes without a session', () => {
  test('asking for a token begins one, and the form verifies', async () => {
    const room = openCloakroom()
    const browser = new Browser()
    const token = await form(room, browser)
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
    expect(await post(room, browser, token)).toBe('allowed')
  })

  test('ASVS-7.6.2 asking for nothing costs nothing', async () => {
    const room = openCloakroom()
    const browser = new Browser()
    expect(await post(room, browser, 'anything')).toBe('token-missing')
    expect(browser.cookie).toBeNull()
    expect(await room.store.liveIds()).toEqual([])
  })

  test('after the commit it is too late to begin one', async () => {
    const room = openCloakroom()
    const browser = new Browser()
    const session = await room.load(browser)
    await room.commit(browser, session)
    await expect(csrf.token(session)).rejects.toHaveProperty('code', 'ERR_SESSION_COMMITTED')
  })

  test('without secrets there are no tokens', async () => {
    const room = openCloakroom()
    const session = await room.load(await room.welcome())
    await expect(createCsrf().token(session)).rejects.toHaveProperty('code', 'ERR_SESSION_CONFIG')
  })

  test('with secrets there are, before they are demanded: pages first, then the mode', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const gentle = createCsrf({ secrets: [secret], onEvent: () => {} })
    const { value: token } = await room.visit(browser, (session) => gentle.token(session))
    expect(await post(room, browser, token)).toBe('allowed')
  })
})

test('in mode both, headers and token must be right', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const session = await room.load(browser)
  const token = await csrf.token(session)
  const both = createCsrf({ mode: 'both', secrets: [secret], onEvent: () => {} })
  const check = async (headers: Record<string, string>): Promise<string> => {
    const verdict = await both.check(browser.request('/', { method: 'POST', headers }), session)
    return verdict.allowed ? 'allowed' : verdict.reason
  }
  const [own, foreign] = [{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'cross-site' }]
  expect(await check({ ...own, 'x-csrf-token': token })).toBe('allowed')
  expect(await check({ ...foreign, 'x-csrf-token': token })).toBe('cross-site')
  expect(await check({ 'x-csrf-token': token })).toBe('no-origin')
  expect(await check(own)).toBe('token-missing')
})

/** The one header that a request has. */
function fieldOf(name: string, value: string): (asked: string) => string | null {
  return (asked) => (asked === name ? value : null)
}

function fileWith(token: string): { body: FormData } {
  const body = new FormData()
  body.set('csrf', new File([token], 'token.txt'))
  return { body }
}
