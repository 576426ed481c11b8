import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  hour,
  minute,
  newerSecret,
  openCloakroom,
  typesOf,
  type Goods,
} from '../../../../test/support/cloakroom.ts'
import type { Session } from '../index.ts'

describe('a visitor without a session', () => {
  test('ASVS-7.6.2 who is left alone costs nothing: no store call, and the very same Response', async () => {
    const room = openCloakroom()
    const untouched = new Response('Welcome', { headers: { 'Cache-Control': 'public, max-age=60' } })
    const response = await room.sessions.handle(new Browser().request(), () => untouched)
    expect(response).toBe(untouched)
    expect([...response.headers.keys()].toSorted()).toEqual(['cache-control', 'content-type'])
    expect(response.headers.get('Cache-Control')).toBe('public, max-age=60')
    expect(room.store.takeCalls()).toEqual([])
    expect(room.events).toEqual([])
  })

  test('ASVS-7.6.2 whose empty session is read gets no cookie and no record, but a private response', async () => {
    const room = openCloakroom()
    const { calls, setCookie, response } = await room.visit(new Browser(), (session) => session.get('views'))
    expect(calls).toEqual([])
    expect(setCookie).toBeNull()
    expect(response.headers.get('Cache-Control')).toBe('private')
    expect(response.headers.get('Vary')).toBe('Cookie')
  })

  test.for([
    ['rotate', 'rotate'],
    ['destroy', 'destroy'],
    ['clear', 'clear'],
  ] as const)('costs no store call by %s', async ([, method]) => {
    const room = openCloakroom()
    const { calls, setCookie } = await room.visit(new Browser(), (session) => session[method]())
    expect(calls).toEqual([])
    expect(setCookie).toBeNull()
  })

  test('costs no store call when what was set is deleted again', async () => {
    const room = openCloakroom()
    const { calls, setCookie } = await room.visit(new Browser(), (session) => {
      session.set('views', 1)
      session.delete('views')
    })
    expect(calls).toEqual([])
    expect(setCookie).toBeNull()
  })

  test('costs one store call at the first write', async () => {
    const room = openCloakroom()
    const { calls, setCookie } = await room.visit(new Browser(), (session) => session.set('views', 1))
    expect(calls).toEqual(['compareAndSet'])
    expect(setCookie).toMatch(/^__Host-Http-sid=/)
  })

  test('costs one store call at the login', async () => {
    const room = openCloakroom()
    const { calls } = await room.visit(new Browser(), (session) => session.login('ann'))
    expect(calls).toEqual(['compareAndSet'])
  })
})

describe('a cookie that is no credential', () => {
  const name = '__Host-Http-sid'
  const id = `${'A'.repeat(42)}E`

  test.for<readonly [fault: string, value: string]>([
    ['empty', ''],
    ['a word', 'admin'],
    ['a bare id', id],
    ['an id with an empty proof', `${id}.`],
    ['quoted', `"${id}.${id}"`],
    ['percent-encoded', `${id}%2E${id}`],
    ['with a stranger in the alphabet', `${id.slice(1)}+.${id}`],
    ['with a second spelling of the last bits', `${id.slice(0, 42)}F.${id}`],
    ['one character too long', `${id}.${id}A`],
    ['an object of another library', 's:abc.def'],
    ['of 10 000 characters', 'A'.repeat(10_000)],
  ])('CSC-input ASVS-9.1.2 is malformed and reaches no store: %s', async ([, value]) => {
    const room = openCloakroom()
    const browser = new Browser('https://shop.test', [[name, value]])
    const { calls, events, value: isNew } = await room.visit(browser, (session) => session.isNew)
    expect(isNew).toBe(true)
    expect(calls).toEqual([])
    expect(events).toEqual([{ type: 'rejected', reason: 'malformed', id: null }])
  })

  test('ASVS-9.1.1 ASVS-9.1.3 CSC-strict is forged and reaches no store when no secret of the ring made it', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const stranger = openCloakroom({ secrets: [newerSecret] })
    const { calls, events, value } = await stranger.visit(browser, (session) => session.userId)
    expect(value).toBeNull()
    expect(calls).toEqual([])
    expect(events).toEqual([{ type: 'rejected', reason: 'forged', id: null }])
  })

  test('ASVS-9.1.1 ASVS-11.2.5 is forged with any single character of the id or the proof changed', async () => {
    const room = openCloakroom()
    const token = (await room.welcome()).value()
    room.store.takeCalls()
    for (let at = 0; at < token.length; at++) {
      if (token[at] === '.') continue
      // A changes into E and everything else into A: both may stand at any place.
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'E' : 'A') + token.slice(at + 1)
      const session = await room.sessions.load(new Browser('https://shop.test', [[name, changed]]).request())
      expect(session.isNew).toBe(true)
    }
    expect(room.store.takeCalls()).toEqual([])
    expect(new Set(typesOf(room.events.slice(2)))).toEqual(new Set(['rejected']))
  })

  test('a cookie of another name is none of ours, in whatever case it is written', async () => {
    const room = openCloakroom()
    const token = (await room.welcome()).value()
    for (const other of ['sid', '__host-http-sid', '__HOST-HTTP-SID', '__Host-sid', 'x__Host-Http-sid']) {
      const browser = new Browser('https://shop.test', [[other, token]])
      const { calls, events, value } = await room.visit(browser, (session) => session.isNew)
      expect({ calls, events, value }).toEqual({ calls: [], events: [], value: true })
    }
  })

  test('ASVS-14.2.1 a token in the URL, the body or another header is not looked at', async () => {
    const room = openCloakroom()
    const token = (await room.welcome()).value()
    const request = new Request(`https://shop.test/${token}?sid=${token}&${name}=${token}`, {
      method: 'POST',
      body: new URLSearchParams({ sid: token, [name]: token }),
      headers: { authorization: `Bearer ${token}`, 'x-session': token },
    })
    const { calls, value } = await room.visit(new Browser(), (session) => session.isNew, request)
    expect(value).toBe(true)
    expect(calls).toEqual([])
    expect(request.bodyUsed).toBe(false)
  })
})

describe('a visitor with a session', () => {
  test('costs one read when the session is left alone, and the very same Response', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    room.store.takeCalls()
    const untouched = new Response('Welcome')
    expect(await room.sessions.handle(browser.request(), () => untouched)).toBe(untouched)
    expect(room.store.takeCalls()).toEqual(['get'])
  })

  test('costs one read when the session is read, objects included', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('cart', ['hat']))
    const { calls, setCookie, value } = await room.visit(browser, (session) => session.get('cart'))
    expect(value).toEqual(['hat'])
    expect(calls).toEqual(['get'])
    expect(setCookie).toBeNull()
  })

  test('costs one read when a key is set to the value that it has', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('cart', ['hat']))
    const { calls } = await room.visit(browser, (session) => session.set('cart', ['hat']))
    expect(calls).toEqual(['get'])
  })

  test.for<readonly [name: string, change: (session: Session<Goods>) => unknown]>([
    ['set', (session) => session.set('views', 2)],
    ['update', (session) => session.update('views', (views = 0) => views + 1)],
    ['delete', (session) => session.delete('views')],
    ['clear', (session) => session.clear()],
    ['flash', (session) => session.flash('notice', 'Saved.')],
    ['takeFlash', (session) => session.takeFlash('views')],
    ['a change in place', (session) => session.get('cart')?.push('scarf')],
  ])('costs one read and one write by %s, and no new cookie', async ([, change]) => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.set('views', 1)
      session.set('cart', ['hat'])
    })
    const { calls, setCookie, events } = await room.visit(browser, (session) => change(session))
    expect(calls).toEqual(['get', 'compareAndSet'])
    expect(setCookie).toBeNull()
    expect(typesOf(events)).toEqual(['updated'])
  })

  test('costs one write however often it is changed', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const { calls } = await room.visit(browser, (session) => {
      for (let view = 1; view <= 100; view++) session.set('views', view)
      session.flash('notice', 'Saved.')
    })
    expect(calls).toEqual(['get', 'compareAndSet'])
  })

  test('costs one read and two writes by rotate and by login', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const expected = ['get', 'compareAndSet', 'compareAndSet']
    expect((await room.visit(browser, (session) => session.rotate())).calls).toEqual(expected)
    expect((await room.visit(browser, (session) => session.login('ann'))).calls).toEqual(expected)
  })

  test('costs one read and one write by destroy', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const { calls } = await room.visit(browser, (session) => session.destroy())
    expect(calls).toEqual(['get', 'compareAndSet'])
    expect(room.memory.size).toBe(0)
  })

  test('costs one read when it was ended elsewhere', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    await room.memory.deleteByUser('ann')
    const { calls, events } = await room.visit(browser, (session) => session.userId)
    expect(calls).toEqual(['get'])
    expect(events).toMatchObject([{ type: 'rejected', reason: 'unknown' }])
  })

  test('is recorded as a visit at most once in a tenth of the idle limit', async () => {
    const room = openCloakroom({ lifetime: { idle: '10h', absolute: '14d' } })
    const browser = await room.welcome()
    const counts: Record<string, number> = {}
    for (let passed = 0; passed < 4 * hour; passed += 5 * minute) {
      room.wait(5 * minute)
      for (const call of (await room.visit(browser, (session) => session.userId)).calls) {
        counts[call] = (counts[call] ?? 0) + 1
      }
    }
    expect(counts).toEqual({ get: 48, compareAndSet: 4 })
  })
})
