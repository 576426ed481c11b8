import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { idOf, openCloakroom, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import type { Session } from '../index.ts'

describe('destroy', () => {
  test('ASVS-7.4.1 NIST-5.1-end ends the session and removes the cookie, and the captured cookie is worthless', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const captured = browser.copy()
    const { events, setCookie } = await room.visit(browser, (session) => session.destroy())
    expect(setCookie).toMatch(
      /^__Host-Http-sid=; Path=\/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly/,
    )
    expect(browser.cookie).toBeNull()
    expect(events).toEqual([{ type: 'destroyed', id: idOf(captured) }])
    expect(room.memory.size).toBe(0)
    const replay = await room.visit(captured, (session) => session.userId)
    expect(replay.value).toBeNull()
    expect(replay.events).toEqual([{ type: 'rejected', reason: 'unknown', id: idOf(captured) }])
  })

  test('ASVS-7.4.1 is not undone by a slower request: it writes nothing and sets no cookie', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const slow = await room.load(browser)
    slow.set('views', 99)
    const captured = browser.copy()
    await room.visit(browser, (session) => session.destroy())
    const { events, setCookie } = await room.commit(browser, slow)
    expect(events).toEqual([{ type: 'gone', id: idOf(captured) }])
    expect(setCookie).toBeNull()
    expect(browser.cookie).toBeNull()
    expect(room.memory.size).toBe(0)
  })

  test('ASVS-7.4.1 ends the session although another request has changed, rotated or logged it in meanwhile', async () => {
    const room = openCloakroom()
    const changes: ((session: Session<Goods>) => void)[] = [
      (session) => session.set('views', 2),
      (session) => session.rotate(),
      (session) => session.login('bob'),
    ]
    for (const change of changes) {
      const browser = await room.welcome()
      const leaving = await room.load(browser)
      leaving.destroy()
      await room.visit(browser.copy(), change)
      await room.commit(browser, leaving)
      expect(await room.store.liveIds()).toEqual([])
    }
  })

  test('followed by set begins a new session in the same request', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('views', 1)
    })
    const before = idOf(browser)
    const { events, response } = await room.visit(browser, (session) => {
      session.destroy()
      expect(session.isNew).toBe(true)
      expect(session.userId).toBeNull()
      expect(session.keys()).toEqual([])
      session.flash('notice', 'Goodbye.')
    })
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(typesOf(events)).toEqual(['destroyed', 'created'])
    expect(idOf(browser)).not.toBe(before)
    const { value } = await room.visit(browser, (session) => [session.userId, session.keys()])
    expect(value).toEqual([null, ['notice']])
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('followed by login begins a new session of the user', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('views', 1)
    })
    await room.visit(browser, (session) => {
      session.destroy()
      session.login('bob')
    })
    const { value } = await room.visit(browser, (session) => [session.userId, session.keys()])
    expect(value).toEqual(['bob', []])
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('takes back what the same request wanted before it', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const { events, setCookie } = await room.visit(browser, (session) => {
      session.set('views', 2)
      session.rotate()
      session.login('bob')
      session.destroy()
      session.destroy()
    })
    expect(typesOf(events)).toEqual(['destroyed'])
    expect(setCookie).toContain('Max-Age=0')
    expect(room.memory.size).toBe(0)
  })

  test.for(['unknown', 'malformed'])('with a stale cookie that is %s removes the cookie', async (kind) => {
    const room = openCloakroom()
    const browser = await room.welcome()
    await room.memory.deleteByUser('ann')
    const stale =
      kind === 'unknown' ? browser : new Browser('https://shop.test', [['__Host-Http-sid', 'stale']])
    const { calls, setCookie } = await room.visit(stale, (session) => session.destroy())
    expect(calls).toEqual(kind === 'unknown' ? ['get'] : [])
    expect(setCookie).toContain('Max-Age=0')
    expect(stale.cookie).toBeNull()
  })

  test('of a new visitor sets no cookie', async () => {
    const room = openCloakroom()
    const { response } = await room.visit(new Browser(), (session) => {
      session.set('views', 1)
      session.destroy()
    })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(response.headers.get('Cache-Control')).toBe('private')
    expect(room.memory.size).toBe(0)
  })
})
