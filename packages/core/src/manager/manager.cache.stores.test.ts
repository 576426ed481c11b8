import { describe, expect, test } from 'vitest'
import { cookieChanges, openCachedRoom, withSnapshot } from '../../../../test/support/cached-room.ts'
import { minute, openCloakroom, typesOf } from '../../../../test/support/cloakroom.ts'
import type { Store } from '../store/store.ts'

describe('a store that cannot write on a condition', () => {
  async function openPlain() {
    const room = openCloakroom()
    const calls: string[] = []
    const store: Store = {
      get(id) {
        calls.push('get')
        return room.memory.get(id)
      },
      set(id, record) {
        calls.push('set')
        return room.memory.set(id, record)
      },
      delete(id) {
        calls.push('delete')
        return room.memory.delete(id)
      },
    }
    const plain = room.reopen({ store, cache: { for: '60s' } })
    const browser = await plain.welcome((session) => {
      session.login('ann')
      session.set('theme', 'light')
    })
    const takeCalls = (): string[] => calls.splice(0)
    takeCalls()
    return { room: plain, browser, takeCalls }
  }

  test('is not asked within the time of a snapshot', async () => {
    const { browser, room, takeCalls } = await openPlain()
    expect((await room.visit(browser, (session) => session.get('theme'))).value).toBe('light')
    expect(takeCalls()).toEqual([])
    room.wait(minute)
    expect((await room.visit(browser, (session) => session.get('theme'))).value).toBe('light')
    expect(takeCalls()).toEqual(['get'])
  })

  test('is read before each write: what others wrote within that time is not overwritten', async () => {
    const { browser, room, takeCalls } = await openPlain()
    await room.visit(browser.copy(), (session) => session.set('theme', 'dark'))
    takeCalls()
    await room.visit(browser, (session) => session.set('views', 1))
    expect(takeCalls()).toEqual(['get', 'set'])
    const { value } = await room.visit(browser, (session) => [session.get('theme'), session.get('views')])
    expect(value).toEqual(['dark', 1])
    expect(takeCalls()).toEqual([])
  })

  test.for(['write', 'rotate', 'stepUp'] as const)(
    'brings nothing back that was ended within that time: by %s',
    async (what) => {
      const { browser, room } = await openPlain()
      await room.visit(browser.copy(), (session) => session.destroy())
      const { events, response } = await room.visit(browser, (session) => {
        if (what === 'write') session.set('views', 1)
        else if (what === 'rotate') session.rotate()
        else session.stepUp({})
      })
      expect(typesOf(events)).toEqual(['gone'])
      expect(cookieChanges(response)).toEqual(['remove sid-cache'])
      expect(room.memory.size).toBe(0)
      expect((await room.load(browser)).isNew).toBe(true)
    },
  )

  test('is not read twice for a session that was loaded anew: that comes from the store', async () => {
    const { browser, room, takeCalls } = await openPlain()
    const reloaded = (await room.sessions.reload(await room.load(browser)))!
    expect(takeCalls()).toEqual(['get'])
    reloaded.set('views', 1)
    await room.commit(browser, reloaded)
    expect(takeCalls()).toEqual(['set'])
  })

  test('ends the session at logout wherever a rotation has carried it within that time', async () => {
    const { browser, room } = await openPlain()
    const other = browser.copy()
    await room.visit(other, (session) => session.rotate())
    const { response } = await room.visit(browser, (session) => session.destroy())
    expect(cookieChanges(response)).toEqual(['remove sid', 'remove sid-cache'])
    expect((await room.load(withSnapshot(other))).isNew).toBe(true)
  })

  test('a logout of what has ended already is no fault, nor is a new session in the same request', async () => {
    const { browser, room } = await openPlain()
    await room.visit(browser.copy(), (session) => session.destroy())
    const { events, response } = await room.visit(browser, (session) => {
      session.destroy()
      session.set('views', 1)
    })
    expect(typesOf(events)).toEqual(['created'])
    expect(cookieChanges(response)).toEqual(['set sid', 'set sid-cache'])
    expect(room.memory.size).toBe(1)
  })

  test('a login of what was ended within that time holds, but brings nothing over', async () => {
    const { browser, room } = await openPlain()
    await room.visit(browser.copy(), (session) => session.destroy())
    const { events } = await room.visit(browser, (session) => {
      session.login('ann')
      session.set('views', 1)
    })
    expect(typesOf(events)).toEqual(['created', 'login'])
    const { value } = await room.visit(browser, (session) => [session.userId, session.keys()])
    expect(value).toEqual(['ann', ['views']])
  })
})

describe('a store that fails', () => {
  test('is not missed by reads for as long as their snapshots serve: nobody is logged out, and nobody is told', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome((session) => session.set('theme', 'dark'))
    room.store.failWhen(() => 'fails')
    room.wait(minute - 1)
    const { events, value } = await room.visit(browser.copy(), (session) => session.get('theme'))
    expect([value, events]).toEqual(['dark', []])
    room.wait(1)
    await expect(room.load(browser)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    room.store.heal()
    expect((await room.load(browser)).get('theme')).toBe('dark')
  })

  test.for(['write', 'login', 'rotate', 'destroy'] as const)(
    'ASVS-16.5.3 rejects with ERR_SESSION_STORE, and sets no cookie: %s over a snapshot',
    async (what) => {
      const room = openCachedRoom()
      const browser = await room.welcome()
      const before = browser.cookie
      room.store.failWhen(() => 'fails')
      const visit = room.visit(browser, (session) => {
        if (what === 'write') session.set('views', 1)
        else if (what === 'login') session.login('ann')
        else if (what === 'rotate') session.rotate()
        else session.destroy()
      })
      await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
      expect(browser.cookie).toBe(before)
      expect(typesOf(room.events)).toContain('store-failure')
      room.store.heal()
      expect((await room.load(browser)).userId).toBe('ann')
    },
  )

  test('ASVS-16.5.3 rejects a fresh read: a snapshot does not stand in for the store that was asked for', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    room.store.failWhen(() => 'fails')
    const load = room.sessions.load(browser.request(), { fresh: true })
    await expect(load).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
  })
})
