import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  day,
  hour,
  idOf,
  minute,
  newerSecret,
  openCloakroom,
  secret,
  typesOf,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'

const name = '__Host-Http-sid'

/** A request with exactly this Cookie header. */
function requestWith(cookie: string): Request {
  return new Request('https://shop.test/', { headers: { cookie } })
}

function visitWith(room: Cloakroom<Goods>, cookie: string) {
  return room.visit(new Browser(), (session) => session.userId, requestWith(cookie))
}

/** What a stranger could sign: of the form of a token, but made by no secret of ours. */
function forgery(letter: string): string {
  return `${letter.repeat(42)}A.${letter.repeat(42)}A`
}

describe('the cookie', () => {
  test('ASVS-3.3.1 ASVS-3.3.2 ASVS-3.3.3 ASVS-3.3.4 NIST-5.1-browser NIST-5.1.1 is __Host-Http-, Secure, HttpOnly and SameSite=Lax, and ends with the browser', async () => {
    const room = openCloakroom()
    const { setCookie } = await room.visit(new Browser(), (session) => session.set('views', 1))
    expect(setCookie).toMatch(
      /^__Host-Http-sid=[\w-]{43}\.[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
  })

  test('lives until the absolute limit when it is to be persistent', async () => {
    const room = openCloakroom({ cookie: { persistent: true }, lifetime: { idle: '1h', absolute: '10d' } })
    const { setCookie } = await room.visit(new Browser(), (session) => session.set('views', 1))
    expect(setCookie).toContain(
      `Max-Age=${10 * 86_400}; Expires=${new Date(room.now() + 10 * day).toUTCString()}`,
    )
  })

  test('lives no longer than the session when it is given anew later', async () => {
    const room = openCloakroom({ cookie: { persistent: true }, lifetime: { idle: '1h', absolute: '2h' } })
    const browser = await room.welcome((session) => session.set('views', 1))
    room.wait(30 * minute)
    const rotated = await room.visit(browser, (session) => session.rotate())
    expect(rotated.setCookie).toContain(`Max-Age=${90 * 60};`)
    const login = await room.visit(browser, (session) => session.login('ann'))
    expect(login.setCookie).toContain(`Max-Age=${120 * 60};`)
  })

  test('ASVS-9.2.3 of one name is worth nothing under another, though the secret is the same', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const other = room.reopen({ cookie: { name: '__Host-Http-admin' } })
    const moved = new Browser('https://shop.test', [['__Host-Http-admin', browser.value()]])
    const { events, value } = await other.visit(moved, (session) => session.userId)
    expect(value).toBeNull()
    expect(events).toEqual([{ type: 'rejected', reason: 'forged', id: null }])
  })

  test('NIST-5.1-remember ASVS-7.3.2 opens nothing after the absolute limit, however long it is kept', async () => {
    const room = openCloakroom({ cookie: { persistent: true }, lifetime: { idle: '2h', absolute: '3h' } })
    const browser = await room.welcome()
    for (let visit = 0; visit < 2; visit++) {
      room.wait(hour)
      expect((await room.visit(browser, (session) => session.userId)).value).toBe('ann')
    }
    room.wait(hour)
    const { events, value } = await room.visit(browser.copy(), (session) => session.userId)
    expect(value).toBeNull()
    expect(typesOf(events)).toEqual(['rejected'])
  })

  test('ASVS-14.3.3 NIST-5.1.1 has one and the same form, whatever is in the session', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.set('notice', 'ann@example.test')
      session.login('ann@example.test', { amr: ['pwd'], label: 'Firefox' })
    })
    expect(browser.value()).toMatch(/^[\w-]{43}\.[\w-]{43}$/)
    const read = browser
      .value()
      .split('.')
      .map((part) => atob(part.replaceAll('-', '+').replaceAll('_', '/')))
    for (const part of read) expect(part).toHaveLength(32)
    for (const personal of ['ann', 'example', 'pwd', 'Firefox']) expect(read.join()).not.toContain(personal)
  })

  test('RFC6265bis-4.1.2 is removed by the attributes that it was set with', async () => {
    const room = openCloakroom({
      cookie: {
        name: '__Secure-sid',
        domain: 'shop.test',
        path: '/account',
        sameSite: 'None',
        partitioned: true,
      },
    })
    const request = (cookie?: string) =>
      new Request('https://shop.test/account', cookie === undefined ? {} : { headers: { cookie } })
    const set = await room.visit(new Browser(), (session) => session.set('views', 1), request())
    const [pair = ''] = set.setCookie!.split(';')
    const removed = await room.visit(new Browser(), (session) => session.destroy(), request(pair))
    const attributes = (field: string | null): string =>
      field!.replace(/^[^;]*/, '').replace(/; Max-Age.*?GMT/, '')
    expect(attributes(removed.setCookie)).toBe(attributes(set.setCookie))
    expect(attributes(set.setCookie)).toBe(
      '; Path=/account; Domain=shop.test; Secure; HttpOnly; SameSite=None; Partitioned',
    )
  })
})

describe('several cookies of our name', () => {
  test.for([
    ['the first comes first', (one: string, two: string) => `${name}=${one}; ${name}=${two}`],
    ['the second comes first', (one: string, two: string) => `${name}=${two}; ${name}=${one}`],
    [
      'others stand between',
      (one: string, two: string) => `a=b; ${name}=${one}; ${name}=x; c=d; ${name}=${two}`,
    ],
  ] as const)('RFC6265bis-4.2.2 RFC6265bis-8.6 two valid ones are both refused: %s', async ([, header]) => {
    const room = openCloakroom()
    const victim = await room.welcome()
    const attacker = await room.welcome((session) => session.login('mallory'))
    const { calls, events, value } = await visitWith(room, header(victim.value(), attacker.value()))
    expect(value).toBeNull()
    expect(calls).toEqual([])
    expect(events).toEqual([{ type: 'rejected', reason: 'ambiguous', id: null }])
  })

  test('RFC6265bis-8.6 one valid among forged and malformed ones is used, wherever it stands', async () => {
    const room = openCloakroom()
    const token = (await room.welcome()).value()
    const others = [forgery('x'), 'malformed', '', '"']
    for (let at = 0; at <= others.length; at++) {
      const cookie = others
        .toSpliced(at, 0, token)
        .map((value) => `${name}=${value}`)
        .join('; ')
      expect((await visitWith(room, cookie)).value).toBe('ann')
    }
  })

  test('duplicates of one are one', async () => {
    const room = openCloakroom()
    const token = (await room.welcome()).value()
    const { events, value } = await visitWith(room, Array(20).fill(`${name}=${token}`).join('; '))
    expect(value).toBe('ann')
    expect(events).toEqual([])
  })

  test('one session under two secrets is one session', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const later = room.reopen({ secrets: [newerSecret, secret] })
    const old = browser.value()
    await later.visit(browser, (session) => session.userId)
    expect(browser.value()).not.toBe(old)
    const { value } = await visitWith(later, `${name}=${old}; ${name}=${browser.value()}`)
    expect(value).toBe('ann')
  })

  test('RFC6265bis-6.1 up to eight are looked at, and nine are refused', async () => {
    const room = openCloakroom()
    const token = (await room.welcome()).value()
    const forgeries = (count: number) => Array.from({ length: count }, (_, at) => forgery(`${at}`))
    const header = (count: number) =>
      [token, ...forgeries(count - 1)].map((value) => `${name}=${value}`).join('; ')
    expect((await visitWith(room, header(8))).value).toBe('ann')
    const { calls, events, value } = await visitWith(room, header(9))
    expect(value).toBeNull()
    expect(calls).toEqual([])
    expect(events).toEqual([{ type: 'rejected', reason: 'ambiguous', id: null }])
  })
})

describe('the Cookie header', () => {
  test('RFC6265bis-6.1 may have 16 KiB, and with one character more it is refused', async () => {
    const room = openCloakroom()
    const own = `${name}=${(await room.welcome()).value()}`
    const padded = (length: number) => `${own}; pad=${'x'.repeat(length - own.length - 6)}`
    expect((await visitWith(room, padded(16_384))).value).toBe('ann')
    const { calls, events, value } = await visitWith(room, padded(16_385))
    expect(value).toBeNull()
    expect(calls).toEqual([])
    expect(events).toEqual([{ type: 'rejected', reason: 'oversized', id: null }])
  })
})

test('RFC6265bis-8.6 the value of another cookie cannot plant ours: a comma or a blank begins no cookie', async () => {
  const room = openCloakroom()
  const token = (await room.welcome((session) => session.login('mallory'))).value()
  for (const separator of [', ', ',', ' ', '\t', '=', '" ']) {
    const { events, value } = await visitWith(room, `theme=dark${separator}${name}=${token}`)
    expect({ events, value }).toEqual({ events: [], value: null })
  }
})

describe('a change of secrets', () => {
  test('ASVS-11.1.1 ASVS-11.2.2 ASVS-13.3.4 logs nobody out: the cookie is signed anew, once', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const old = browser.copy()
    const later = room.reopen({ secrets: [newerSecret, secret] })
    const first = await later.visit(browser, (session) => session.userId)
    expect(first.value).toBe('ann')
    expect(first.calls).toEqual(['get'])
    expect(first.events).toEqual([{ type: 'old-key', id: idOf(browser), index: 1 }])
    expect(first.setCookie).not.toBeNull()
    expect(first.response.headers.get('Cache-Control')).toBe('no-store')
    expect(idOf(browser)).toBe(idOf(old))
    expect(browser.value()).not.toBe(old.value())
    const second = await later.visit(browser, (session) => session.userId)
    expect(second.value).toBe('ann')
    expect(second.events).toEqual([])
    expect(second.setCookie).toBeNull()
  })

  test('signs the cookie anew also where the session is not looked at', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const later = room.reopen({ secrets: [newerSecret, secret] })
    expect((await later.visit(browser, () => {})).setCookie).not.toBeNull()
  })

  test('sets one cookie, not two, when the id changes as well', async () => {
    const room = openCloakroom()
    const later = room.reopen({ secrets: [newerSecret, secret] })
    for (const method of ['rotate', 'login', 'destroy'] as const) {
      const browser = await room.welcome()
      const { response } = await later.visit(browser, (session) => session[method]('bob'))
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect((await later.visit(browser, (session) => session.userId)).events).toEqual([])
    }
  })

  test('ASVS-11.2.2 ASVS-13.3.4 ends with the old secret what it signed', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const { calls, events, value } = await room
      .reopen({ secrets: [newerSecret] })
      .visit(browser, (session) => session.userId)
    expect(value).toBeNull()
    expect(calls).toEqual([])
    expect(events).toEqual([{ type: 'rejected', reason: 'forged', id: null }])
  })

  test('does not give a session back that ended while the request ran', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const later = room.reopen({ secrets: [newerSecret, secret] })
    const slow = await later.load(browser)
    slow.set('views', 1)
    await room.memory.deleteByUser('ann')
    const { events, setCookie } = await later.commit(browser, slow)
    expect(typesOf(events)).toEqual(['gone'])
    expect(setCookie).toBeNull()
  })

  test('tells a renewed persistent cookie no other end than the session has', async () => {
    const options = { cookie: { persistent: true }, lifetime: { idle: '1h', absolute: '2h' } } as const
    const room = openCloakroom(options)
    const browser = await room.welcome()
    room.wait(hour - minute)
    const later = room.reopen({ ...options, secrets: [newerSecret, secret] })
    const { setCookie } = await later.visit(browser, (session) => session.userId)
    expect(setCookie).toContain(`Max-Age=${61 * 60};`)
  })
})
