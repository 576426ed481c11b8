import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { idOf, openCloakroom } from '../../../../test/support/cloakroom.ts'
import type { AtomicStore } from '../index.ts'

describe('what is saved', () => {
  test('values come back in the next request', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.set('views', 1)
      session.set('cart', ['hat', 'Überzieher 🧥'])
    })
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('cart')])
    expect(value).toEqual([1, ['hat', 'Überzieher 🧥']])
  })

  test('a change in place is saved', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('cart', ['hat']))
    const { events } = await room.visit(browser, (session) => session.get('cart')!.push('scarf'))
    expect(events).toEqual([{ type: 'updated', id: idOf(browser), keys: ['cart'] }])
    expect((await room.visit(browser, (session) => session.get('cart'))).value).toEqual(['hat', 'scarf'])
  })

  test('a change in place is saved also when it was made after set', async () => {
    const room = openCloakroom()
    const cart = ['hat']
    const browser = await room.welcome((session) => {
      session.set('cart', cart)
      cart.push('scarf')
    })
    expect((await room.visit(browser, (session) => session.get('cart'))).value).toEqual(['hat', 'scarf'])
  })

  test('clear keeps what is set after it, also when the value is the same as before', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.set('theme', 'dark')
      session.set('views', 1)
    })
    await room.visit(browser, (session) => {
      session.clear()
      session.set('theme', 'dark')
      expect(session.get('theme')).toBe('dark')
    })
    const { value } = await room.visit(browser, (session) => [session.keys(), session.get('theme')])
    expect(value).toEqual([['theme'], 'dark'])
  })

  test('clear keeps the session and its user', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('views', 1)
    })
    await room.visit(browser, (session) => session.clear())
    const { value } = await room.visit(browser, (session) => [session.userId, session.keys()])
    expect(value).toEqual(['ann', []])
  })

  test('a flashed value is read once', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.flash('notice', 'Saved.'))
    const read = () => room.visit(browser, (session) => session.takeFlash('notice'))
    expect((await read()).value).toBe('Saved.')
    expect((await read()).value).toBeUndefined()
  })

  test('a key named __proto__ is a key like any other', async () => {
    const room = openCloakroom<Record<string, unknown>>()
    const browser = await room.welcome((session) => session.set('__proto__', { admin: true }))
    const { value } = await room.visit(browser, (session) => [session.get('__proto__'), session.get('admin')])
    expect(value).toEqual([{ admin: true }, undefined])
    expect(Object.prototype).not.toHaveProperty('admin')
  })

  test('what JSON cannot keep is refused when it is set, and nothing is written', async () => {
    const room = openCloakroom<Record<string, unknown>>()
    const browser = new Browser()
    const visit = room.visit(browser, (session) => session.set('when', new Map()))
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
    await expect(visit).rejects.toThrow("'when'")
    expect(room.memory.size).toBe(0)
  })

  test('what JSON cannot keep is refused at the commit when it was put in place, and nothing is written', async () => {
    const room = openCloakroom<{ cart: unknown[]; views: number }>()
    const browser = await room.welcome((session) => session.set('cart', []))
    const visit = room.visit(browser, (session) => {
      session.get('cart')!.push({ at: new Date(0) })
      session.set('views', 1)
    })
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
    await expect(visit).rejects.toThrow('cart[0].at')
    expect((await room.visit(browser, (session) => session.keys())).value).toEqual(['cart'])
  })
})

describe('two requests at a time', () => {
  test('that change different keys both win', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const [one, two] = [await room.load(browser), await room.load(browser)]
    one.set('views', 1)
    two.set('cart', ['hat'])
    await room.commit(browser, one)
    const { calls, events } = await room.commit(browser, two)
    expect(calls).toEqual(['compareAndSet', 'get', 'compareAndSet'])
    expect(events).toEqual([
      { type: 'conflict', id: idOf(browser), attempt: 1 },
      { type: 'updated', id: idOf(browser), keys: ['cart'] },
    ])
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('cart')])
    expect(value).toEqual([1, ['hat']])
  })

  test('that set one key: the later commit wins', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const [one, two] = [await room.load(browser), await room.load(browser)]
    one.set('theme', 'dark')
    two.set('theme', 'light')
    await room.commit(browser, two)
    await room.commit(browser, one)
    expect((await room.visit(browser, (session) => session.get('theme'))).value).toBe('dark')
  })

  test('that delete and set different keys both win', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const [one, two] = [await room.load(browser), await room.load(browser)]
    one.delete('views')
    two.set('theme', 'dark')
    await room.commit(browser, two)
    await room.commit(browser, one)
    expect((await room.visit(browser, (session) => session.keys())).value).toEqual(['theme'])
  })

  test('flash and take: the newer notice waits for its own turn', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.flash('notice', 'Saved.'))
    const [taking, flashing] = [await room.load(browser), await room.load(browser)]
    expect(taking.takeFlash('notice')).toBe('Saved.')
    flashing.flash('notice', 'Sent.')
    await room.commit(browser, flashing)
    await room.commit(browser, taking)
    expect((await room.visit(browser, (session) => session.takeFlash('notice'))).value).toBe('Sent.')
  })

  test('ten requests that update one key all count', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 0))
    const sessions = await Promise.all(Array.from({ length: 10 }, () => room.load(browser)))
    for (const session of sessions) session.update('views', (views = 0) => views + 1)
    await Promise.all(sessions.map((session) => room.sessions.commit(session)))
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(10)
  })

  test('that update one key both count, whoever is first', async () => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const slow = await room.load(browser)
    slow.update('views', (views = 0) => views + 1)
    await room.visit(browser, (session) => session.set('views', 10))
    await room.commit(browser, slow)
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(11)
  })

  test.for(['update', 'rotate', 'login'] as const)(
    'an update that throws when it runs again is an error, and leaves the session as it was: %s',
    async (method) => {
      const room = openCloakroom()
      const browser = await room.welcome((session) => session.set('views', 1))
      const slow = await room.load(browser)
      if (method !== 'update') slow[method]('ann')
      slow.update('views', (views = 0) => {
        if (views > 1) throw new RangeError('Too many views.')
        return views + 1
      })
      await room.visit(browser.copy(), (session) => session.set('views', 5))
      await expect(room.commit(browser, slow)).rejects.toThrow(RangeError)
      expect(await room.store.liveIds()).toEqual([idOf(browser)])
      expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(5)
    },
  )

  test.for(['set', 'rotate', 'login', 'destroy'] as const)(
    'a store that never agrees to a version ends in an error, not in a loop: %s',
    async (method) => {
      const room = openCloakroom()
      const browser = await room.welcome()
      const id = idOf(browser)
      const store: AtomicStore = {
        ...room.memory,
        compareAndSet: async (at, ...write) => at !== id && room.memory.compareAndSet(at, ...write),
      }
      const visit = room.reopen({ store }).visit(browser, (session) => {
        if (method === 'set') session.set('views', 1)
        else session[method]('ann')
      })
      await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_CONFLICT' })
      expect([...(await room.memory.listByUser('ann')).keys()]).toEqual([id])
    },
  )

  test('a store that refuses a fresh id ends in an error', async () => {
    const { memory } = openCloakroom()
    const store: AtomicStore = { ...memory, compareAndSet: async () => false }
    const visit = openCloakroom({ store }).visit(new Browser(), (session) => session.set('views', 1))
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
  })
})
