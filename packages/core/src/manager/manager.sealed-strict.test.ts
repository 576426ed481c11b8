import { describe, expect, test } from 'vitest'
import type { Browser } from '../../../../test/support/browser.ts'
import { hour, minute, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { openSealed, type SealedCloakroom } from '../../../../test/support/sealed-cloakroom.ts'

const conflict = { code: 'ERR_SESSION_CONFLICT' }

function look(room: SealedCloakroom<Goods>, browser: Browser) {
  return room.visit(browser, (session) => session.get('views'))
}

async function count(room: SealedCloakroom<Goods>, browser: Browser) {
  return room.visit(browser, (session) => session.update('views', (views = 0) => views + 1))
}

describe.for([null, 'ann'])('strict, for %s:', (user) => {
  const open = () => openSealed({ strict: true })
  const welcome = (room: SealedCloakroom<Goods>): Promise<Browser> =>
    room.welcome((session) => {
      session.set('views', 1)
      if (user !== null) session.login(user)
    })

  test('an older cookie can be read for the grace window after a newer one was written, and is refused then', async () => {
    const room = open()
    const browser = await welcome(room)
    const old = browser.copy()
    room.wait(hour)
    await count(room, browser)
    room.wait(minute - 1)
    expect(await look(room, old)).toMatchObject({ value: 1, events: [], setCookies: [] })
    room.wait(1)
    const { events, value } = await look(room, old)
    expect([value, events]).toEqual([
      undefined,
      [expect.objectContaining({ type: 'rejected', reason: 'replayed' })],
    ])
    // The session itself goes on.
    expect((await look(room, browser)).value).toBe(2)
  })

  test('a cookie of two writes ago is refused as well, by its own time', async () => {
    const room = open()
    const browser = await welcome(room)
    const copies = [browser.copy()]
    for (let step = 0; step < 3; step++) {
      room.wait(40_000)
      await count(room, browser)
      copies.push(browser.copy())
    }
    const values = await Promise.all(copies.map(async (copy) => (await look(room, copy)).value))
    expect(values).toEqual([undefined, 2, 3, 4])
  })

  test('an older cookie in its grace window writes nothing, whatever the window', async () => {
    const room = open()
    const browser = await welcome(room)
    const old = browser.copy()
    await count(room, browser)
    const { cookie } = old
    await expect(count(room, old)).rejects.toMatchObject(conflict)
    await expect(room.visit(old, (session) => session.clear())).rejects.toMatchObject(conflict)
    expect(old.cookie).toBe(cookie)
    expect((await look(room, browser)).value).toBe(2)
  })

  test('of two writes at once the second rejects, and sets no cookie', async () => {
    const room = open()
    const browser = await welcome(room)
    const [one, two] = [await room.load(browser), await room.load(browser)]
    one.set('views', 10)
    two.set('views', 20)
    await room.commit(browser, one)
    const after = browser.cookie
    room.store.takeCalls()
    const before = room.events.length
    await expect(room.commit(browser, two)).rejects.toMatchObject(conflict)
    expect(room.events.slice(before)).toEqual([])
    expect(browser.cookie).toBe(after)
    expect((await look(room, browser)).value).toBe(10)
  })

  test('a rotation and a write at once: the second rejects, in either order', async () => {
    for (const rotationFirst of [true, false]) {
      const room = open()
      const browser = await welcome(room)
      const [rotation, write] = [await room.load(browser), await room.load(browser)]
      rotation.rotate()
      write.set('views', 20)
      const [first, second] = rotationFirst ? [rotation, write] : [write, rotation]
      await room.commit(browser, first)
      await expect(room.commit(browser.copy(), second)).rejects.toMatchObject(conflict)
      expect((await look(room, browser)).value).toBe(rotationFirst ? 1 : 20)
    }
  })

  test('a login that would bring over what is old rejects, and ends nothing', async () => {
    const room = open()
    const browser = await welcome(room)
    const [login, write] = [await room.load(browser), await room.load(browser)]
    login.login('ann')
    write.set('views', 2)
    await room.commit(browser, write)
    await expect(room.commit(browser.copy(), login)).rejects.toMatchObject(conflict)
    expect((await look(room, browser)).value).toBe(2)
  })

  test('a mere touch never rejects: of two at once the second sets no cookie', async () => {
    const room = open()
    const browser = await welcome(room)
    room.wait(12 * hour)
    const [one, two, three] = [await room.load(browser), await room.load(browser), await room.load(browser)]
    expect(typesOf((await room.commit(browser, one)).events)).toEqual(['touched'])
    const late = await room.commit(browser.copy(), two)
    expect([late.setCookies, late.events]).toEqual([[], []])
    // Nor behind a write.
    await count(room, browser)
    expect((await room.commit(browser.copy(), three)).setCookies).toEqual([])
    expect((await look(room, browser)).value).toBe(2)
  })

  test('nor does a visit that only brings the data into today’s form', async () => {
    const room = open()
    const browser = await welcome(room)
    const today = room.reopen<{ form?: number }>({ strict: true, schema, migrate })
    const [one, two] = [await today.load(browser), await today.load(browser)]
    expect(typesOf((await today.commit(browser, one)).events)).toEqual(['updated'])
    const late = await today.commit(browser.copy(), two)
    expect([late.setCookies, late.events]).toEqual([[], []])
    expect((await today.visit(browser, (session) => session.get('form'))).value).toBe(2)
  })

  test('a logout by an older cookie holds', async () => {
    const room = open()
    const browser = await welcome(room)
    const old = browser.copy()
    await count(room, browser)
    await room.visit(old, (session) => session.destroy())
    expect((await look(room, browser)).events).toEqual([
      expect.objectContaining({ type: 'rejected', reason: 'revoked' }),
    ])
  })

  test('the last write of a client is never refused, however many there were', async () => {
    const room = open()
    const browser = await welcome(room)
    for (let step = 2; step <= 40; step++) {
      await count(room, browser)
      room.wait(1000)
    }
    expect((await look(room, browser)).value).toBe(40)
  })
})

describe('not strict:', () => {
  test.for(['store', 'none'] as const)('an older cookie is as good as a newer one: %s', async (kind) => {
    const room = openSealed(kind === 'none' ? { revocation: kind } : {})
    const browser = await room.welcome((session) => session.set('views', 1))
    const old = browser.copy()
    await count(room, browser)
    room.wait(hour)
    expect((await look(room, old)).value).toBe(1)
    await count(room, old)
    expect((await look(room, old)).value).toBe(2)
  })

  test('of two writes at once the browser keeps what came last: the other one is lost', async () => {
    const room = openSealed()
    const browser = await room.welcome((session) => session.set('views', 1))
    const [one, two] = [await room.load(browser), await room.load(browser)]
    one.set('cart', ['hat'])
    two.update('views', (views = 0) => views + 1)
    await room.commit(browser, one)
    await room.commit(browser, two)
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('cart')])
    expect(value).toEqual([2, undefined])
  })

  test('update is exact within one response', async () => {
    const room = openSealed()
    const browser = await room.welcome((session) => session.set('views', 1))
    await room.visit(browser, (session) => {
      for (let step = 0; step < 10; step++) session.update('views', (views = 0) => views + 1)
    })
    expect((await look(room, browser)).value).toBe(11)
  })
})

const schema = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (data: unknown) =>
      'form' in (data as object) ? { value: data as object } : { issues: [{ message: 'old' }] },
  },
}
const migrate = (data: unknown) => ({ ...(data as object), form: 2 })
