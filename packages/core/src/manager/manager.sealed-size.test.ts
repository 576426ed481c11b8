import type { CookieSessionManagerOptions } from '@coatcheck/core/cookie-session'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import type { Goods } from '../../../../test/support/cloakroom.ts'
import { jarOf, openSealed, type SealedCloakroom } from '../../../../test/support/sealed-cloakroom.ts'

const name = '__Host-Http-sid'
const tooLarge = { name: 'SessionError', code: 'ERR_SESSION_TOO_LARGE' }

type Options = Partial<CookieSessionManagerOptions<Goods>>

/** A notice of this length. */
const text = (length: number): string => 'x'.repeat(length)

async function write(room: SealedCloakroom<Goods>, browser: Browser, length: number) {
  return room.visit(browser, (session) => session.set('notice', text(length)))
}

/** The longest notice that still fits, found by halving. */
async function mostOf(
  options: Options,
  handler?: Parameters<SealedCloakroom<Goods>['welcome']>[0],
): Promise<number> {
  const room = openSealed(options)
  const browser = await room.welcome(handler)
  let [fits, fails] = [0, 100_000]
  while (fails - fits > 1) {
    const length = Math.floor((fits + fails) / 2)
    const done = await write(room, browser.copy(), length).then(
      () => true,
      () => false,
    )
    if (done) fits = length
    else fails = length
  }
  return fits
}

describe('one cookie', () => {
  test('is left at its border, and no part is made before', async () => {
    const most = await mostOf({ maxParts: 1 })
    const room = openSealed()
    const browser = await room.welcome()
    const fitting = await write(room, browser, most)
    expect(fitting.setCookies).toHaveLength(1)
    expect(fitting.setCookies[0]!.length).toBeGreaterThan(4096 - 4)
    expect(fitting.setCookies[0]!.length).toBeLessThanOrEqual(4096)
    const split = await write(room, browser, most + 3)
    expect(split.setCookies.map((field) => field.split('=')[0])).toEqual([name, `${name}.1`])
    for (const field of split.setCookies) expect(field.length).toBeLessThanOrEqual(4096)
    expect((await room.load(browser)).get('notice')).toBe(text(most + 3))
  })

  test('holds less when it is kept over the browser’s end, and when its name and scope are longer', async () => {
    const plain = await mostOf({ maxParts: 1 })
    const remembered = await mostOf({ maxParts: 1 }, (session) => session.login('ann', { remember: true }))
    const persistent = await mostOf({ maxParts: 1, cookie: { persistent: true } })
    const named = await mostOf({
      maxParts: 1,
      cookie: { name: `__Host-${'sid'.repeat(100)}`, priority: 'High' },
    })
    // Max-Age and Expires take 57 octets, of which base64 makes 43 of text; `"remember":true` is no longer than null.
    for (const fewer of [remembered, persistent]) expect(plain - fewer).toBeGreaterThan(38)
    expect(plain - named).toBeGreaterThan(200)
  })
})

describe('parts', () => {
  test('appear and go within the response that makes them needed or not', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const counts: number[] = []
    for (const length of [10, 4000, 9000, 11_000, 5000, 11_000, 10]) {
      const { setCookies } = await write(room, browser, length)
      counts.push(jarOf(browser).size)
      const removed = setCookies.filter((field) => field.includes('Max-Age=0'))
      // The rest is set; and what goes comes first, to make room.
      expect(setCookies.slice(0, removed.length)).toEqual(removed)
      expect(setCookies.length - removed.length).toBe(jarOf(browser).size)
      for (const field of setCookies) expect(field.length).toBeLessThanOrEqual(4096)
      expect((await room.load(browser)).get('notice')).toBe(text(length))
    }
    expect(counts).toEqual([1, 2, 4, 4, 2, 4, 1])
  })

  test('all go with the logout', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    await write(room, browser, 9000)
    expect(jarOf(browser).size).toBeGreaterThan(2)
    await room.visit(browser, (session) => session.destroy())
    expect(browser.cookie).toBeNull()
  })

  test('all go with a login that needs fewer, and with one that follows a torn cookie', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    await write(room, browser, 9000)
    const torn = new Browser('https://shop.test', [...jarOf(browser)].slice(1))
    await room.visit(browser, (session) => session.login('bob'))
    expect([...jarOf(browser).keys()]).toEqual([name])
    const { events } = await room.visit(torn, (session) => session.login('bob'))
    expect(events[0]).toEqual({ type: 'rejected', reason: 'malformed', id: null })
    expect([...jarOf(torn).keys()]).toEqual([name])
  })

  test('are read up to 16, also where maxParts has become smaller', async () => {
    const room = openSealed({ maxParts: 16 })
    const browser = await room.welcome()
    await write(room, browser, 40_000)
    expect(jarOf(browser).size).toBeGreaterThan(12)
    const smaller = room.reopen({ maxParts: 1 })
    expect((await smaller.load(browser)).get('notice')).toBe(text(40_000))
    // A visit that writes nothing asks nothing of them.
    await smaller.visit(browser, (session) => session.userId)
    await smaller.visit(browser, (session) => session.delete('notice'))
    expect([...jarOf(browser).keys()]).toEqual([name])
  })

  test('maxParts is how many there may be', async () => {
    const sizes: number[] = []
    for (const maxParts of [1, 2, 3, 4, 16]) {
      const most = await mostOf({ maxParts })
      const room = openSealed({ maxParts })
      const browser = await room.welcome()
      await write(room, browser, most)
      expect(jarOf(browser).size).toBe(maxParts)
      sizes.push(most)
    }
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b))
    expect(await mostOf({})).toBe(sizes[3])
    expect(await mostOf({ cookie: { sameSite: 'None', partitioned: true } })).toBeLessThan(sizes[2]!)
  })
})

describe('ERR_SESSION_TOO_LARGE', () => {
  test('names the biggest keys and what there is room for', async () => {
    const room = openSealed<Record<string, string>>({ maxParts: 1 })
    const refusal = room.visit(new Browser(), (session) => {
      session.set('small', text(10))
      session.set('large', text(3000))
      session.set('larger', text(4000))
      session.set('medium', text(500))
      session.set('tiny', 'x')
    })
    await expect(refusal).rejects.toMatchObject({
      ...tooLarge,
      message: expect.stringMatching(
        /^The sealed session takes \d{5} octets and its cookies hold \d{4}\. The biggest keys: "larger" \(4002 characters of JSON\), "large" \(3002 characters of JSON\), "medium" \(502 characters of JSON\)\. Keep less in it, raise maxParts, or keep sessions in a store\.$/,
      ),
    })
  })

  test('shows no data, and no line that a key could break', async () => {
    const room = openSealed<Record<string, string>>({ maxParts: 1 })
    const refusal = room.visit(new Browser(), (session) => session.set('a\nb', `${text(5000)}-top-secret`))
    const error = await refusal.catch((reason: unknown) => reason as Error)
    expect((error as Error).message).not.toMatch(/\n|top-secret/)
  })

  const ways = ['set', 'first login', 'rotate', 'step-up'] as const
  test.for(ways)('writes nothing, ends nothing, and leaves the browser its session: %s', async (way) => {
    for (const options of [{}, { strict: true }]) {
      const room = openSealed(options)
      const browser = way === 'first login' ? new Browser() : await room.welcome()
      const { cookie } = browser
      const before = room.events.length
      room.store.takeCalls()
      const refusal = room.visit(browser, (session) => {
        session.set('notice', text(100_000))
        if (way === 'first login') session.login('bob')
        if (way === 'rotate') session.rotate()
        if (way === 'step-up') session.stepUp({ amr: ['otp'] })
      })
      await expect(refusal).rejects.toMatchObject(tooLarge)
      expect(room.events.slice(before)).toEqual([])
      expect(room.store.takeCalls()).toEqual(way === 'first login' ? [] : ['get'])
      expect(browser.cookie).toBe(cookie)
      if (way !== 'first login') expect((await room.load(browser)).userId).toBe('ann')
    }
  })

  test('a login over a session: nothing is ended', async () => {
    const room = openSealed()
    const browser = await room.welcome()
    const refusal = room.visit(browser, (session) => {
      session.login('bob')
      session.set('notice', text(100_000))
    })
    await expect(refusal).rejects.toMatchObject(tooLarge)
    expect(room.store.takeCalls()).toEqual(['get'])
    expect((await room.load(browser)).userId).toBe('ann')
  })
})
