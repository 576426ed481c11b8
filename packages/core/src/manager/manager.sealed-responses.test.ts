import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { day, hour, minute, typesOf } from '../../../../test/support/cloakroom.ts'
import { storeFault } from '../../../../test/support/counting-store.ts'
import { openSealed, openSealedOver, userOf } from '../../../../test/support/sealed-cloakroom.ts'

const storeError = { name: 'SessionError', code: 'ERR_SESSION_STORE', cause: storeFault }

describe.for([304, 101])('a response with status %s', (status) => {
  test.for(['create', 'update', 'login', 'rotate'] as const)(
    'carries no cookie: %s is withheld',
    async (change) => {
      const room = openSealed()
      const browser = change === 'create' ? new Browser() : await room.welcome()
      const { cookie } = browser
      const session = await room.load(browser)
      const { id } = session
      if (change === 'create' || change === 'update') session.set('views', 1)
      if (change === 'login') session.login('bob')
      if (change === 'rotate') session.rotate()
      const { calls, events, setCookies } = await room.commit(browser, session, { status })
      expect([setCookies, events, calls]).toEqual([[], [{ type: 'withheld', id, change }], []])
      expect(browser.cookie).toBe(cookie)
      if (cookie !== null) expect(await userOf(room, browser)).toBe('ann')
    },
  )

  test('lets a touch wait, and says nothing of it', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    room.wait(12 * hour)
    const session = await room.load(browser)
    const { events, setCookies } = await room.commit(browser, session, { status })
    expect([setCookies, events]).toEqual([[], []])
    expect(typesOf((await room.visit(browser, () => {})).events)).toEqual(['touched'])
  })

  test('cannot remove the cookie, but destroy ends the session all the same', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const session = await room.load(browser)
    session.destroy()
    const { events, setCookies } = await room.commit(browser, session, { status })
    expect([setCookies, typesOf(events)]).toEqual([[], ['destroyed']])
    const { events: later, value } = await room.visit(browser, ({ userId }) => userId)
    expect([value, later]).toEqual([null, [expect.objectContaining({ type: 'rejected', reason: 'revoked' })]])
  })

  test('ends a session, and leaves the new one that was to follow undone', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const session = await room.load(browser)
    session.destroy()
    session.set('views', 1)
    const { events, setCookies } = await room.commit(browser, session, { status })
    expect([setCookies, typesOf(events)]).toEqual([[], ['withheld', 'destroyed']])
    expect(await userOf(room, browser)).toBeNull()
  })
})

describe('an insecure transport', () => {
  test('reads no cookie and sets none, and says why', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const stray = new Browser('http://shop.test', [['__Host-Http-sid', browser.value()]])
    const read = await room.visit(stray, (session) => session.userId)
    expect([read.value, read.events]).toEqual([
      null,
      [expect.objectContaining({ type: 'insecure', reason: 'plain-http' })],
    ])
    const write = await room.visit(new Browser('http://shop.test'), (session) => session.login('ann'))
    expect([write.setCookies, write.calls]).toEqual([[], []])
    expect(write.events).toEqual([expect.objectContaining({ type: 'insecure', reason: 'plain-http' })])
  })

  test('behind a proxy that nobody named, too', async () => {
    const room = openSealed()
    const headers = { 'x-forwarded-proto': 'https' }
    const request = new Request('http://shop.test/', { headers })
    const { events, setCookies } = await room.visit(
      new Browser(),
      (session) => session.set('views', 1),
      request,
    )
    expect([setCookies, events]).toEqual([
      [],
      [expect.objectContaining({ type: 'insecure', reason: 'untrusted-proxy' })],
    ])
    const behind = room.reopen({ trustProxy: 1 })
    expect(
      (await behind.visit(new Browser(), (session) => session.set('views', 1), request)).setCookies,
    ).toHaveLength(1)
  })
})

describe('the response', () => {
  test('with a cookie of ours is kept by no cache, and one that was read from by no shared one', async () => {
    const room = openSealed()
    const browser = new Browser()
    const set = await room.visit(browser, (session) => session.set('views', 1))
    expect([set.response.headers.get('Cache-Control'), set.response.headers.get('Vary')]).toEqual([
      'no-store',
      'Cookie',
    ])
    const read = await room.visit(browser, (session) => session.get('views'))
    expect(read.response.headers.get('Cache-Control')).toBe('private')
  })

  test('has its Set-Cookie fields one by one, beside the application’s', async () => {
    const room = openSealed()
    const response = await room.sessions.handle(new Browser().request(), (session) => {
      session.set('notice', 'x'.repeat(9000))
      return new Response('Hi', { headers: { 'Set-Cookie': 'theme=dark; Path=/' } })
    })
    const fields = response.headers.getSetCookie()
    expect(fields[0]).toBe('theme=dark; Path=/')
    expect(fields.slice(1).map((field) => field.split('=')[0])).toEqual([
      '__Host-Http-sid',
      '__Host-Http-sid.1',
      '__Host-Http-sid.2',
      '__Host-Http-sid.3',
    ])
  })

  test('of a login waits until the revocation store has bound the user', async () => {
    const disk = Promise.withResolvers<void>()
    const writing = Promise.withResolvers<void>()
    const room = openSealedOver((memory) => ({
      ...memory,
      async compareAndSet(...write) {
        writing.resolve()
        await disk.promise
        return memory.compareAndSet(...write)
      },
    }))
    let answered = false
    const visit = room
      .visit(new Browser(), (session) => session.login('ann'))
      .then((result) => {
        answered = true
        return result
      })
    await writing.promise
    for (let turn = 0; turn < 100; turn++) await Promise.resolve()
    expect(answered).toBe(false)
    disk.resolve()
    expect((await visit).setCookies).toHaveLength(1)
  })
})

describe('ASVS-16.5.3 a revocation store that fails', () => {
  test('makes load reject: nobody passes as a stranger, nor as one who may have been revoked', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    room.store.failWhen(() => 'fails')
    let calls = 0
    const visit = room.visit(browser, () => calls++)
    await expect(visit).rejects.toMatchObject(storeError)
    expect(calls).toBe(0)
    expect(room.events.at(-1)).toEqual({ type: 'store-failure', operation: 'get', error: storeFault })
    room.store.heal()
    expect(await userOf(room, browser)).toBe('ann')
  })

  test('does not touch anonymous visitors', async () => {
    const room = openSealed()
    room.store.failWhen(() => 'fails')
    expect((await room.visit(new Browser(), (session) => session.isNew)).value).toBe(true)
    expect((await room.visit(new Browser(), (session) => session.set('views', 1))).setCookies).toHaveLength(1)
  })

  test.for(['login', 'first login', 'rotate', 'step-up', 'destroy', 'strict change'] as const)(
    'at commit sets no cookie: %s',
    async (way) => {
      const room = openSealed({ strict: way === 'strict change' })
      const browser = way === 'first login' ? new Browser() : await room.welcome()
      const { cookie } = browser
      const session = await room.load(browser)
      if (way.endsWith('login')) session.login('bob')
      if (way === 'rotate') session.rotate()
      if (way === 'step-up') session.stepUp({ amr: ['otp'] })
      if (way === 'destroy') session.destroy()
      if (way === 'strict change') session.set('views', 1)
      room.store.failWhen(() => 'fails')
      await expect(room.commit(browser, session)).rejects.toMatchObject(storeError)
      expect(browser.cookie).toBe(cookie)
      room.store.heal()
      if (cookie !== null) expect(await userOf(room, browser)).toBe('ann')
    },
  )

  test('with a logout that was noted all the same, the session has ended', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const session = await room.load(browser)
    session.destroy()
    room.store.failWhen((operation) =>
      operation === 'compareAndSet' ? 'does it, but reports failure' : 'none',
    )
    await room.commit(browser, session)
    room.store.heal()
    expect(browser.cookie).toBeNull()
  })
})

describe('reload', () => {
  test('gives the session as it was loaded while it lives, and null once it was revoked', async () => {
    const room = openSealed()
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('views', 7)
    })
    const session = await room.load(browser)
    const again = await room.sessions.reload(session)
    expect([again?.userId, again?.get('views'), again?.id]).toEqual(['ann', 7, session.id])
    expect((await room.sessions.reload(again!))?.userId).toBe('ann')
    await room.visit(browser.copy(), (other) => other.destroy())
    expect(await room.sessions.reload(session)).toBeNull()
    expect(await room.sessions.reload(again!)).toBeNull()
  })

  test('is null for a new session, after the login of another, and past the limits', async () => {
    const room = openSealed()
    expect(await room.sessions.reload(await room.load(new Browser()))).toBeNull()
    const browser = await room.welcome()
    const session = await room.load(browser)
    room.wait(day - 1)
    expect(await room.sessions.reload(session)).not.toBeNull()
    room.wait(1)
    expect(await room.sessions.reload(session)).toBeNull()
    const other = await room.welcome()
    const before = await room.load(other)
    await room.visit(other, (later) => later.login('bob'))
    expect(await room.sessions.reload(before)).toBeNull()
  })

  test('is null after revokeUser, and not after revokeOthers by this session', async () => {
    const room = openSealed()
    const [one, two] = [await room.load(await room.welcome()), await room.load(await room.welcome())]
    const again = await room.sessions.reload(one)
    await room.revocation.revokeOthers(again!)
    expect([(await room.sessions.reload(one))?.userId, await room.sessions.reload(two)]).toEqual([
      'ann',
      null,
    ])
    await room.revocation.revokeUser('ann')
    expect(await room.sessions.reload(one)).toBeNull()
  })

  test('goes on after the browser’s session was rotated, and takes nobody for a thief', async () => {
    for (const strict of [false, true]) {
      const room = openSealed({ strict })
      const browser = await room.welcome()
      const socket = await room.load(browser)
      await room.visit(browser, (session) => session.rotate())
      await room.visit(browser, (session) => session.set('views', 1))
      room.wait(hour)
      const before = room.events.length
      expect((await room.sessions.reload(socket))?.userId).toBe('ann')
      expect(room.events.slice(before)).toEqual([])
      expect(await userOf(room, browser)).toBe('ann')
      await room.visit(browser, (session) => session.destroy())
      expect(await room.sessions.reload(socket)).toBeNull()
    }
  })

  test('what is changed after it has no cookie to go to: the commit says so, but a logout counts', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const again = await room.sessions.reload(await room.load(browser))
    again!.set('views', 1)
    const { events, setCookies } = await room.commit(browser, again!)
    expect([setCookies, events]).toEqual([[], [{ type: 'withheld', id: again!.id, change: 'update' }]])
    const last = await room.sessions.reload(await room.load(browser))
    last!.destroy()
    expect(typesOf((await room.commit(browser, last!)).events)).toEqual(['destroyed'])
    expect(await userOf(room, browser)).toBeNull()
  })

  test('a visit that only lets time pass writes nothing after it', async () => {
    const room = openSealed()
    const again = await room.sessions.reload(await room.load(await room.welcome()))
    room.wait(minute)
    const { calls, events } = await room.commit(new Browser(), again!)
    expect([calls, events]).toEqual([[], []])
  })

  test('costs one read, and none with revocation: none', async () => {
    const room = openSealed()
    const session = await room.load(await room.welcome())
    room.store.takeCalls()
    await room.sessions.reload(session)
    expect(room.store.takeCalls()).toEqual(['get'])
    const free = openSealed({ revocation: 'none' })
    const other = await free.load(await free.welcome())
    expect((await free.sessions.reload(other))?.userId).toBe('ann')
    expect(free.store.takeCalls()).toEqual([])
  })
})
