import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, idOf, openCloakroom } from '../../../../test/support/cloakroom.ts'
import { storeFault } from '../../../../test/support/counting-store.ts'

describe('a store that fails', () => {
  test('ASVS-16.5.3 is never taken for "not logged in": load rejects, and the handler is not called', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    room.store.failWhen(() => 'fails')
    let called = false
    const visit = room.visit(browser, () => {
      called = true
    })
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', cause: storeFault })
    expect(called).toBe(false)
    expect(room.events.at(-1)).toEqual({ type: 'store-failure', operation: 'get', error: storeFault })
  })

  test('ASVS-16.5.3 harms nobody who has no session and wants none', async () => {
    const room = openCloakroom()
    room.store.failWhen(() => 'fails')
    const { value } = await room.visit(new Browser(), (session) => session.userId)
    expect(value).toBeNull()
  })

  test.for(['rejects', 'throws at once'])('is the cause of the error when it %s', async (how) => {
    const failure = () => {
      if (how === 'throws at once') throw storeFault
      return Promise.reject(storeFault)
    }
    const room = openCloakroom()
    const browser = await room.welcome()
    const broken = room.reopen({ store: { get: failure, set: failure, delete: failure } })
    await expect(broken.load(browser)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', cause: storeFault })
    const visit = broken.visit(new Browser(), (session) => session.set('views', 1))
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', cause: storeFault })
  })

  test('gives a failed commit the same error when it is asked again', async () => {
    const room = openCloakroom()
    const session = await room.load(new Browser())
    session.set('views', 1)
    room.store.failWhen(() => 'fails')
    await expect(room.sessions.commit(session)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    room.store.heal()
    await expect(room.sessions.commit(session)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    expect(room.memory.size).toBe(0)
  })

  test('ASVS-16.5.3 while a theft is being answered lets nobody in', async () => {
    for (const index of [0, 1, 2]) {
      const room = openCloakroom()
      const browser = await room.welcome()
      const old = browser.copy()
      await room.visit(browser, (session) => session.rotate())
      room.wait(hour)
      room.store.failWhen((_, at) => (at === index ? 'fails' : 'none'))
      await expect(room.load(old)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
      room.store.heal()
      expect((await room.load(old)).userId).toBeNull()
      expect(await room.store.liveIds()).toEqual([])
    }
  })
})

describe('a record that cannot be read', () => {
  test.for([
    ['no JSON', 'not JSON'],
    ['of a newer format', '{"format":2,"createdAt":0,"seenAt":0,"authenticatedAt":null,"data":{}}'],
    ['no object', '[]'],
    ['without times', '{"format":1,"data":{}}'],
    ['with data of another form', '{"format":1,"createdAt":0,"seenAt":0,"authenticatedAt":null,"data":[]}'],
    ['empty', ''],
  ] as const)('leads to a new session: %s', async ([, payload]) => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const id = idOf(browser)
    await room.memory.set(id, { ...(await room.memory.get(id))!, payload })
    const { events, value } = await room.visit(browser, (session) => {
      session.set('views', 1)
      return session.isNew
    })
    expect(value).toBe(true)
    expect(events).toMatchObject([
      { type: 'rejected', reason: 'unreadable', id },
      { type: 'created', id: idOf(browser) },
    ])
    expect(idOf(browser)).not.toBe(id)
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
  })
})
