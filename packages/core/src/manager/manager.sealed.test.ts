import type { CookieSessionManagerOptions } from '@coatcheck/core/cookie-session'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Browser } from '../../../../test/support/browser.ts'
import { minute, secret, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { openSealed, userOf } from '../../../../test/support/sealed-cloakroom.ts'
import type { Session } from '../index.ts'

type Options = Partial<CookieSessionManagerOptions<Goods>>

const kinds: Readonly<Record<string, Options>> = {
  'with a revocation store': {},
  strict: { strict: true },
  'without revocation': { revocation: 'none' },
}

describe.for(Object.entries(kinds))('a sealed session %s', ([, options]) => {
  const open = () => openSealed(options)

  test('keeps what is set, over visits', async () => {
    const room = open()
    const browser = new Browser()
    const first = await room.visit(browser, (session) => {
      session.set('views', 1)
      session.set('cart', ['hat'])
      return [session.isNew, session.id]
    })
    expect(first.value).toEqual([true, null])
    expect(first.setCookies).toEqual([
      expect.stringMatching(/^__Host-Http-sid=[\w.-]+; Path=\/; Secure; HttpOnly/),
    ])
    expect(typesOf(first.events)).toEqual(['created'])
    const second = await room.visit(browser, (session) => [
      session.isNew,
      session.get('views'),
      session.get('cart'),
      session.has('theme'),
      session.keys(),
      session.createdAt.getTime(),
    ])
    expect(second.value).toEqual([false, 1, ['hat'], false, ['views', 'cart'], room.now()])
    expect(second.setCookies).toEqual([])
  })

  test('is changed, and keeps its id', async () => {
    const room = open()
    const browser = await room.welcome((session) => {
      session.set('views', 1)
      session.set('theme', 'dark')
    })
    const { id } = await room.load(browser)
    const { events } = await room.visit(browser, (session) => {
      session.update('views', (views = 0) => views + 1)
      session.update('views', (views = 0) => views + 1)
      session.delete('theme')
    })
    expect(events).toEqual([{ type: 'updated', id, keys: ['views', 'theme'] }])
    const { value } = await room.visit(browser, (session) => [
      session.id,
      session.get('views'),
      session.keys(),
    ])
    expect(value).toEqual([id, 3, ['views']])
    await room.visit(browser, (session) => session.clear())
    const cleared = await room.visit(browser, (session) => [session.id, session.keys()])
    expect(cleared.value).toEqual([id, []])
  })

  test('saves an object that was changed in place, and nothing when it was only read', async () => {
    const room = open()
    const browser = await room.welcome((session) => session.set('cart', ['hat']))
    const changed = await room.visit(browser, (session) => session.get('cart')!.push('scarf'))
    expect(changed.events).toEqual([expect.objectContaining({ type: 'updated', keys: ['cart'] })])
    const read = await room.visit(browser, (session) => session.get('cart'))
    expect(read.value).toEqual(['hat', 'scarf'])
    expect([read.setCookies, read.events]).toEqual([[], []])
  })

  test('shows a flash once', async () => {
    const room = open()
    const browser = await room.welcome((session) => session.flash('notice', 'Saved.'))
    const take = (session: Session<Goods>) => session.takeFlash('notice')
    expect((await room.visit(browser, take)).value).toBe('Saved.')
    expect((await room.visit(browser, take)).value).toBeUndefined()
  })

  test('ASVS-7.2.4 login binds the user under a new id and carries the data over', async () => {
    const room = open()
    const browser = await room.welcome((session) => session.set('cart', ['hat']))
    const before = await room.load(browser)
    room.wait(minute)
    const { events } = await room.visit(browser, (session) =>
      session.login('ann', { amr: ['pwd'], aal: 1, label: 'Firefox' }),
    )
    const after = await room.load(browser)
    expect(events).toEqual([{ type: 'login', id: after.id, previous: before.id, userId: 'ann' }])
    expect(after.id).not.toBe(before.id)
    expect([after.userId, after.get('cart'), after.authenticatedAt?.getTime()]).toEqual([
      'ann',
      ['hat'],
      room.now(),
    ])
    expect(after.authentication).toMatchObject({ amr: ['pwd'], aal: 1, label: 'Firefox' })
    expect(after.createdAt).toEqual(before.createdAt)
  })

  test('one user’s data never reach the next', async () => {
    const room = open()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('cart', ['hat'])
    })
    await room.visit(browser, (session) => session.login('bob'))
    const session = await room.load(browser)
    expect([session.userId, session.keys()]).toEqual(['bob', []])
  })

  test('rotate changes the id, and keeps the data and the handle', async () => {
    const room = open()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('views', 7)
    })
    const before = await room.load(browser)
    const { events } = await room.visit(browser, (session) => session.rotate())
    const after = await room.load(browser)
    expect(events).toEqual([{ type: 'rotated', id: after.id, previous: before.id }])
    expect(after.id).not.toBe(before.id)
    expect([after.get('views'), after.userId, after.handle]).toEqual([7, 'ann', before.handle])
    await room.visit(browser, (session) => session.rotate())
    expect((await room.load(browser)).get('views')).toBe(7)
  })

  test('the anchor that a response gives out is that of the id that follows', async () => {
    const room = open()
    const browser = new Browser()
    const anchors: string[] = []
    for (const step of ['begin', 'login', 'rotate', 'step-up'] as const) {
      await room.visit(browser, (session) => {
        if (step === 'login') session.login('ann')
        if (step === 'rotate') session.rotate()
        if (step === 'step-up') session.stepUp({ amr: ['otp'] })
        anchors.push(session.anchor())
      })
      expect((await room.load(browser)).anchors).toContain(anchors.at(-1))
    }
    expect(new Set(anchors).size).toBe(4)
  })

  test('destroy removes the cookie, and what is set afterwards is a new session', async () => {
    const room = open()
    const browser = await room.welcome()
    const { id } = await room.load(browser)
    const gone = await room.visit(browser, (session) => session.destroy())
    expect(gone.events).toEqual([{ type: 'destroyed', id }])
    expect(gone.setCookies).toEqual([expect.stringMatching(/^__Host-Http-sid=; .*Max-Age=0/)])
    expect(browser.cookie).toBeNull()
    const other = await room.welcome()
    const anew = await room.visit(other, (session) => {
      session.destroy()
      session.set('views', 1)
    })
    expect(typesOf(anew.events).toSorted()).toEqual(['created', 'destroyed'])
    const session = await room.load(other)
    expect([session.userId, session.get('views')]).toEqual([null, 1])
  })

  test('stepUp raises the level for its time, under a new id', async () => {
    const room = open()
    const browser = await room.welcome((session) => session.login('ann', { aal: 1 }))
    const before = await room.load(browser)
    const { events } = await room.visit(browser, (session) =>
      session.stepUp({ amr: ['otp'], aal: 2, for: '10m' }),
    )
    const after = await room.load(browser)
    expect(events).toEqual([{ type: 'step-up', id: after.id, previous: before.id, userId: 'ann' }])
    expect([after.authentication?.aal, after.handle]).toEqual([2, before.handle])
    room.wait(10 * minute)
    expect((await room.load(browser)).authentication?.aal).toBe(1)
  })

  test('actAs and stopActing change the user and forget the data', async () => {
    const room = open()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('views', 1)
    })
    const acting = await room.visit(browser, (session) => session.actAs('bob'))
    expect(typesOf(acting.events)).toEqual(['act-as'])
    const between = await room.load(browser)
    expect([between.userId, between.actor, between.keys()]).toEqual(['bob', 'ann', []])
    const back = await room.visit(browser, (session) => session.stopActing())
    expect(typesOf(back.events)).toEqual(['stop-acting'])
    const after = await room.load(browser)
    expect([after.userId, after.actor]).toEqual(['ann', null])
  })

  test('a login and a step-up of one request are one change', async () => {
    const room = open()
    const browser = await room.welcome((session) => session.set('views', 1))
    await room.visit(browser, (session) => {
      session.login('ann', { aal: 1 })
      session.stepUp({ amr: ['otp'], aal: 2 })
    })
    const session = await room.load(browser)
    expect([session.userId, session.authentication?.aal, session.get('views')]).toEqual(['ann', 2, 1])
  })

  test('remember keeps the cookie until the absolute limit, over all that follows', async () => {
    const room = open()
    const browser = new Browser()
    const day = 86_400
    const login = await room.visit(browser, (session) => session.login('ann', { remember: true }))
    expect(login.setCookie).toContain(`; Max-Age=${14 * day};`)
    room.wait(60 * minute)
    const rotated = await room.visit(browser, (session) => session.rotate())
    expect(rotated.setCookie).toContain(`; Max-Age=${14 * day - 3600};`)
    room.wait(60 * minute)
    const updated = await room.visit(browser, (session) => session.set('views', 1))
    expect(updated.setCookie).toContain(`; Max-Age=${14 * day - 7200};`)
    const plain = await room.visit(new Browser(), (session) => session.login('ann'))
    expect(plain.setCookie).not.toContain('Max-Age')
  })

  test('keeps to its schema, and old data are brought into its form and sealed anew', async () => {
    const old = openSealed<{ visits: number }>(options as object)
    const browser = await old.welcome((session) => session.set('visits', 3))
    const schema = z.object({ views: z.number().optional(), cart: z.array(z.string()).optional() }).strict()
    const migrate = (data: unknown) => ({ views: (data as { visits: number }).visits })
    const room = old.reopen<{ views?: number | undefined; cart?: string[] | undefined }>({
      ...(options as object),
      schema,
      migrate,
    })
    const moved = await room.visit(browser, (session) => session.get('views'))
    expect([moved.value, typesOf(moved.events), moved.setCookies.length]).toEqual([3, ['updated'], 1])
    const again = await room.visit(browser, (session) => session.get('views'))
    expect([again.value, again.setCookies]).toEqual([3, []])
    const wrong = room.visit(browser, (session) => session.set('views', 'many' as never))
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
    // Without a migration, and with one that gives up, the session ends.
    const strangers = await old.welcome((session) => session.set('visits', 3))
    for (const more of [{ schema }, { schema, migrate: () => null }]) {
      const strict = old.reopen<object>({ ...(options as object), ...(more as object) })
      const refused = await strict.visit(strangers, (session) => session.isNew)
      expect(refused.value).toBe(true)
      expect(refused.events).toEqual([expect.objectContaining({ type: 'rejected', reason: 'schema' })])
    }
  })

  test('an anonymous visitor costs nothing: no cookie, no call of the store, the same Response', async () => {
    const room = open()
    for (const handler of [
      () => {},
      (session: Session<Goods>) => session.get('views'),
      (session: Session<Goods>) => session.takeFlash('notice'),
      (session: Session<Goods>) => session.rotate(),
    ]) {
      const visit = await room.visit(new Browser(), handler)
      expect([visit.setCookies, visit.calls, visit.events]).toEqual([[], [], []])
    }
    const response = new Response('Hi')
    expect(await room.sessions.handle(new Browser().request(), () => response)).toBe(response)
  })

  test('an untouched Response is returned as it is, with a session too', async () => {
    const room = open()
    const browser = await room.welcome()
    const response = new Response('Hi')
    expect(await room.sessions.handle(browser.request(), () => response)).toBe(response)
  })

  test('is sealed to the handler after the commit, and a second commit gives the same', async () => {
    const room = open()
    const browser = new Browser()
    const session = await room.load(browser)
    session.set('views', 1)
    const headers = await room.sessions.commit(session)
    expect(await room.sessions.commit(session)).toBe(headers)
    expect(() => session.set('views', 2)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_COMMITTED' }))
    expect(session.isNew).toBe(false)
    await room.commit(browser, session)
    expect((await room.load(browser)).id).toBe(session.id)
  })

  test('a handler that throws writes nothing', async () => {
    const room = open()
    const browser = await room.welcome()
    const { cookie } = browser
    const failure = new Error('Out of coat hangers.')
    const visit = room.visit(browser, (session) => {
      session.destroy()
      throw failure
    })
    await expect(visit).rejects.toBe(failure)
    expect(browser.cookie).toBe(cookie)
    expect(await userOf(room, browser)).toBe('ann')
  })

  test('holds on a loopback host too, under the name of there', async () => {
    const room = open()
    const browser = new Browser('http://localhost:3000')
    const { setCookie } = await room.visit(browser, (session) => session.set('views', 1))
    expect(setCookie).toMatch(/^sid=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax$/)
    expect((await room.load(browser)).get('views')).toBe(1)
  })

  test('needs no work before the first request', () => {
    expect(() => openSealed({ ...options, secrets: [secret], now: () => 0 })).not.toThrow()
  })
})

test('renewEvery gives a new id at the first suitable request after its time', async () => {
  const room = openSealed({ lifetime: { renewEvery: '1h' } })
  const browser = await room.welcome()
  const { id } = await room.load(browser)
  room.wait(60 * minute - 1)
  expect((await room.visit(browser, () => {})).events).toEqual([])
  room.wait(1)
  const image = browser.request('/hat.png', { headers: { 'sec-fetch-dest': 'image' } })
  expect((await room.visit(browser, () => {}, image)).events).toEqual([])
  const renewed = await room.visit(browser, () => {})
  expect(renewed.events).toEqual([{ type: 'renewed', id: (await room.load(browser)).id, previous: id }])
  expect(renewed.setCookies).toHaveLength(1)
})
