import { describe, expect, test, vi } from 'vitest'
import { Browser } from '../../../test/support/browser.ts'
import { idOf, openCloakroom, secret } from '../../../test/support/cloakroom.ts'
import { createCsrf, forbidden, type CsrfOptions, type CsrfSession } from './csrf.ts'
import { SessionError, type SessionEvent } from './index.ts'

/** A session without a cookie, which no event can name. */
const stranger: CsrfSession = {
  id: null,
  isNew: true,
  userId: null,
  anchors: [],
  anchor: () => 'never asked',
}

/** The verdict on a POST with these headers. */
async function judge(
  options: CsrfOptions,
  headers: Record<string, string>,
  url = 'https://shop.test/',
): Promise<Awaited<ReturnType<ReturnType<typeof createCsrf>['check']>>> {
  const fields = new Map(Object.entries(headers))
  const request = { method: 'POST', url, headers: { get: (name: string) => fields.get(name) ?? null } }
  return createCsrf({ onEvent: () => {}, ...options }).check(request, stranger)
}

const allowed = { allowed: true }
const crossOrigin = expect.objectContaining({ allowed: false, reason: 'cross-origin' }) as unknown

describe('origins', () => {
  test.for([
    ['https://shop.test', 'https://shop.test/', true],
    ['https://shop.test', 'https://shop.test:443/', true],
    ['https://shop.test', 'wss://shop.test/', true],
    ['http://localhost:3000', 'ws://localhost:3000/chat', true],
    ['https://shop.test', 'http://shop.test/', false],
    ['https://shop.test.evil.test', 'https://shop.test/', false],
    ['https://evil.test/https://shop.test', 'https://shop.test/', false],
    ['https://shop.test@evil.test', 'https://shop.test/', false],
    ['https://shop.test/', 'https://shop.test/', false],
    ['HTTPS://SHOP.TEST', 'https://shop.test/', false],
    ['', 'https://shop.test/', false],
  ] as const)('ASVS-3.5.1 a POST from %j to %j is taken for our own: %s', async ([origin, url, own]) => {
    expect(await judge({}, { origin }, url)).toEqual(own ? allowed : crossOrigin)
  })

  test('ASVS-3.5.1 the configured origin counts, and the URL of the request no more', async () => {
    const options = { origin: 'https://shop.test' }
    expect(await judge(options, { origin: 'https://shop.test' }, 'http://10.0.0.7:3000/')).toEqual(allowed)
    expect(await judge(options, { origin: 'http://10.0.0.7:3000' }, 'http://10.0.0.7:3000/')).toEqual(
      crossOrigin,
    )
  })

  test.for([
    ['https://shop.test', 'shop.test', true],
    ['https://shop.test', 'shop.test:443', true],
    ['http://shop.test', 'shop.test', true],
    ['https://shop.test:8443', 'shop.test:8443', true],
    ['https://shop.test', 'shop.test:80', false],
    ['https://shop.test', 'evil.test', false],
    ['null', 'null', false],
    ['junk', 'junk', false],
    ['ftp://shop.test', 'shop.test', false],
  ] as const)(
    'with only a path to go by, Origin %j and Host %j belong together: %s',
    async ([origin, host, own]) => {
      expect(await judge({}, { origin, host }, '/basket?from=//evil.test')).toEqual(
        own ? allowed : crossOrigin,
      )
    },
  )

  test('with neither URL nor Host, no Origin is ours', async () => {
    expect(await judge({}, { origin: 'https://shop.test' }, '/')).toEqual(crossOrigin)
  })

  test('ASVS-4.1.3 what a forwarding header says is not believed', async () => {
    const forwarded = {
      'x-forwarded-host': 'evil.test',
      forwarded: 'host=evil.test',
      'x-forwarded-proto': 'https',
    }
    expect(await judge({}, { ...forwarded, origin: 'https://evil.test' })).toEqual(crossOrigin)
    expect(await judge({}, { ...forwarded, origin: 'https://evil.test', host: 'shop.test' }, '/')).toEqual(
      crossOrigin,
    )
  })

  test.for([
    'https://partner.test/',
    'https://partner.test/path',
    'https://*.partner.test',
    '*',
    'null',
    'partner.test',
    'https://',
    'https://Partner.test',
    'https://partner.test:443',
    'https://user@partner.test',
    'https://partner.test?',
    'https://münchen.test',
    ' https://partner.test',
    'https://partner.test\n',
    '',
    undefined,
    7,
  ])('ASVS-3.5.1 %j is no origin to trust, nor to have', (origin) => {
    for (const options of [{ trustedOrigins: [origin] }, ...(origin === undefined ? [] : [{ origin }])]) {
      const make = (): unknown => createCsrf(options as CsrfOptions)
      expect(make).toThrow(SessionError)
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    }
  })

  test('an origin that is only spelled wrongly is shown as browsers spell it', () => {
    expect(() => createCsrf({ origin: 'https://münchen.test' })).toThrow("'https://xn--mnchen-3ya.test'")
    expect(() => createCsrf({ trustedOrigins: ['https://shop.test:443'] })).toThrow("'https://shop.test'")
  })

  test('pages of an app shell can be trusted by their own scheme', async () => {
    const options = { trustedOrigins: ['capacitor://localhost'] }
    const site = { 'sec-fetch-site': 'cross-site' }
    expect(await judge(options, { ...site, origin: 'capacitor://localhost' })).toEqual(allowed)
    expect(await judge(options, { ...site, origin: 'http://localhost' })).toHaveProperty('allowed', false)
  })
})

describe('routes', () => {
  const from = { 'sec-fetch-site': 'cross-site' }

  test.for([
    ['/hooks/stripe', true],
    ['/api/v1/orders', true],
    ['/api/', true],
    ['/', false],
    ['/api', false],
    ['/apiary', false],
    ['/hooks/stripe/', false],
    ['/hooks/stripes', false],
    ['/HOOKS/stripe', false],
    ['/api/..%2fadmin', false],
    ['/api/%2e%2e/admin', false],
    ['/api/..\\admin', false],
    ['/api//admin', false],
    ['/api/..%5cadmin', false],
    ['/admin?/api/', false],
  ] as const)('a POST from another site to %s is exempt: %s', async ([path, exempt]) => {
    const options = { exempt: ['/hooks/stripe', '/api/*'] }
    expect(await judge(options, from, `https://shop.test${path}`)).toHaveProperty('allowed', exempt)
  })

  test.for([
    ['/delete', true],
    ['/Delete', true],
    ['/delete/', true],
    ['//delete', true],
    ['/%64elete', true],
    ['/admin', true],
    ['/admin/users', true],
    ['/deleted', false],
    ['/administer', false],
    ['/', false],
    ['/%', false],
  ] as const)('ASVS-3.5.3 a GET of %s from another site is refused: %s', async ([path, refused]) => {
    const csrf = createCsrf({ sensitive: ['/delete', '/admin/*'], onEvent: () => {} })
    const request = new Request(`https://shop.test${path}`, { headers: from })
    expect(await csrf.check(request, stranger)).toHaveProperty('allowed', !refused)
  })

  test('functions may choose the routes', async () => {
    const csrf = createCsrf({
      exempt: ({ headers }) => headers.get('authorization') !== null,
      sensitive: ({ url }) => url.endsWith('/delete'),
      onEvent: () => {},
    })
    const check = (path: string, init: RequestInit): Promise<object> =>
      csrf.check(new Request(`https://shop.test${path}`, init), stranger)
    const headers = { ...from, authorization: 'Bearer of good news' }
    expect(await check('/', { method: 'POST', headers })).toEqual(allowed)
    expect(await check('/', { method: 'POST', headers: from })).toHaveProperty('allowed', false)
    expect(await check('/delete', { headers: from })).toHaveProperty('allowed', false)
  })

  test.for(['hooks', '/a/*/b', '/a*', '/a?b', '/a#b', '*', '', 7])('%j is no route', (route) => {
    for (const option of ['exempt', 'sensitive']) {
      expect(() => createCsrf({ [option]: [route] })).toThrow(
        expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }),
      )
    }
  })
})

describe('what is said of a denial', () => {
  test('ASVS-16.3.3 an event has the session, the method and both headers', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const events: SessionEvent[] = []
    const csrf = createCsrf({ onEvent: (event) => events.push(event) })
    const headers = { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' }
    const request = browser.request('/', { method: 'POST', headers })
    expect(await csrf.check(request, await room.load(browser))).toEqual({
      allowed: false,
      reason: 'cross-site',
      remedy: null,
    })
    const about = { method: 'POST', site: 'cross-site', origin: 'https://evil.test' }
    expect(events).toEqual([
      { type: 'csrf-denied', id: idOf(browser), reason: 'cross-site', ...about, remedy: null },
    ])
  })

  test('ASVS-16.4.1 headers cannot forge a line of a log, nor bring a token into it', async () => {
    const events: SessionEvent[] = []
    const token = `${'A'.repeat(43)}.${'A'.repeat(43)}`
    await judge(
      { onEvent: (event) => events.push(event) },
      { origin: `a\r\nb\u2028c\u001b[31m${token}`, 'sec-fetch-site': `x\n${'y'.repeat(5000)}` },
    )
    const text = JSON.stringify(events)
    expect(text).not.toMatch(/\\[nr]|\\u00|\u2028/)
    expect(text).not.toContain(token)
    expect(text.length).toBeLessThan(1000)
  })

  test('the response tells nothing of it', async () => {
    const response = forbidden()
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('Forbidden')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
  })

  test.for([
    ['TLS ends in front', 'http://shop.test/', { origin: 'https://shop.test' }, true],
    [
      'the Host was changed',
      'http://10.0.0.7/',
      { origin: 'https://shop.test', 'x-forwarded-host': 'a' },
      true,
    ],
    ['another site', 'https://shop.test/', { origin: 'https://evil.test' }, false],
    ['an opaque origin', 'http://shop.test/', { origin: 'null', 'x-forwarded-for': '::1' }, false],
  ] as const)('the remedy for an unknown public origin is told: %s', async ([, url, headers, told]) => {
    const verdict = await judge({}, headers, url)
    expect(verdict).toHaveProperty('remedy', told ? expect.stringContaining("origin: 'https://…'") : null)
    expect(await judge({ origin: 'https://other.test' }, headers, url)).toHaveProperty('remedy', null)
  })

  test('without a hook, that remedy is printed, once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    try {
      const csrf = createCsrf()
      const request = (origin: string): Request =>
        new Request('http://shop.test/', { method: 'POST', headers: { origin } })
      await csrf.check(request('https://evil.test'), stranger)
      expect(warn).not.toHaveBeenCalled()
      await csrf.check(request('https://shop.test'), stranger)
      await csrf.check(request('https://shop.test'), stranger)
      expect(warn.mock.calls).toEqual([[expect.stringContaining('https://shop.test was refused')]])
    } finally {
      warn.mockRestore()
    }
  })

  test('a hook that throws lets nobody in', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    try {
      const onEvent = (): never => {
        throw new Error('Out of ink.')
      }
      expect(await judge({ onEvent }, { origin: 'https://evil.test' })).toEqual(crossOrigin)
    } finally {
      error.mockRestore()
    }
  })
})

test('a session is loaded only when it matters', async () => {
  let loads = 0
  const lazy = async (): Promise<CsrfSession> => {
    loads++
    return stranger
  }
  const csrf = createCsrf({ onEvent: () => {} })
  const post = (headers: Record<string, string>): Request =>
    new Request('https://shop.test/', { method: 'POST', headers })
  await csrf.check(new Request('https://shop.test/'), lazy)
  await csrf.check(post({ 'sec-fetch-site': 'same-origin' }), lazy)
  await csrf.check(post({ origin: 'https://shop.test' }), lazy)
  expect(loads).toBe(0)
  expect(await csrf.check(post({}), lazy)).toEqual(allowed)
  expect(loads).toBe(1)
})

test('ASVS-3.5.2 a form is judged as JSON is: nothing depends on a preflight', async () => {
  const csrf = createCsrf({ onEvent: () => {} })
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/json',
  ]) {
    const headers = { 'content-type': type, 'sec-fetch-site': 'cross-site' }
    const request = new Request('https://shop.test/', { method: 'POST', headers, body: '{}' })
    expect(await csrf.check(request, stranger)).toHaveProperty('allowed', false)
  }
})

test('ASVS-4.4.2 an upgrade is judged whatever the request looks like', async () => {
  const csrf = createCsrf({ mode: 'both', secrets: [secret], onEvent: () => {} })
  const ask = (headers: Record<string, string>): Promise<object> =>
    csrf.verifyUpgrade(new Request('https://shop.test/chat', { headers }), stranger)
  expect(await ask({ origin: 'https://shop.test' })).toEqual(allowed)
  expect(await ask({ origin: 'https://evil.test' })).toEqual(crossOrigin)
  const room = openCloakroom()
  const browser = await room.welcome()
  const verdict = await csrf.verifyUpgrade(browser.request('/chat'), await room.load(browser))
  expect(verdict).toHaveProperty('reason', 'no-origin')
})

test('who is signed in already by other means has something to lose', async () => {
  const room = openCloakroom()
  const session = await room.load(new Browser())
  // As adapters do, that take over the sessions of another library.
  session.login('ann')
  const csrf = createCsrf({ onEvent: () => {} })
  const verdict = await csrf.check(new Request('https://shop.test/', { method: 'POST' }), session)
  expect(verdict).toHaveProperty('reason', 'no-origin')
})

test('a cookie that leads nowhere is none', async () => {
  const room = openCloakroom()
  const session = await room.load(new Browser('https://shop.test', [['__Host-Http-sid', 'stale']]))
  const csrf = createCsrf({ onEvent: () => {} })
  expect(await csrf.check(new Request('https://shop.test/', { method: 'POST' }), session)).toEqual(allowed)
})

test.for([
  [{ mode: 'tokens' }, 'mode'],
  [{ mode: 'token' }, 'secrets'],
  [{ mode: 'both' }, 'secrets'],
  [{ mode: 'token', secrets: ['short'] }, 'secrets[0]'],
  [{ field: '' }, 'field'],
  [{ trustedOrigins: 'https://shop.test' }, 'trustedOrigins'],
  [{ exempt: '/hooks' }, 'exempt'],
  [{ trustedOrigin: [] }, 'options.trustedOrigin'],
] as const)('%j is refused at construction', ([options, name]) => {
  const make = (): unknown => createCsrf(options as unknown as CsrfOptions)
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
  expect(make).toThrow(name)
})
