import { describe, expect, test } from 'vitest'
import { Browser } from '../../../test/support/browser.ts'
import {
  hour,
  idOf,
  minute,
  openCloakroom,
  typesOf,
  type Cloakroom,
  type Goods,
} from '../../../test/support/cloakroom.ts'
import type { Session, SessionEvent } from './index.ts'
import { createUserSessions, type WatchableUserSessions } from './user-sessions.ts'

interface House {
  readonly room: Cloakroom<Goods>
  readonly users: WatchableUserSessions
  readonly events: SessionEvent[]
}

function open(): House {
  const room = openCloakroom({ lifetime: { idle: '1h', absolute: '12h' } })
  const events: SessionEvent[] = []
  const users = createUserSessions(room.memory, { now: room.now, onEvent: (event) => events.push(event) })
  return { room, users, events }
}

/** Browsers in which a user has signed in, one minute after the other. */
async function devices({ room }: House, user: string, labels: readonly string[]): Promise<Browser[]> {
  const browsers: Browser[] = []
  for (const label of labels) {
    room.wait(minute)
    browsers.push(await room.welcome((session) => session.login(user, { label, amr: ['pwd'], aal: 1 })))
  }
  return browsers
}

async function isAlive({ room }: House, browser: Browser): Promise<boolean> {
  return (await room.load(browser)).userId !== null
}

async function alive(house: House, browsers: readonly Browser[]): Promise<boolean[]> {
  return Promise.all(browsers.map((browser) => isAlive(house, browser)))
}

describe('ASVS-7.5.2 a user sees their own sessions', () => {
  test('newest first, with what login was told, and which one asks', async () => {
    const house = open()
    const { room, users } = house
    const [phone] = await devices(house, 'ann', ['phone', 'laptop'])
    await devices(house, 'bob', ['tablet'])
    const list = await users.list('ann', await room.load(phone!))
    expect(list.map(({ isCurrent, label }) => [label, isCurrent])).toEqual([
      ['laptop', false],
      ['phone', true],
    ])
    expect(list[1]).toEqual({
      handle: expect.stringMatching(/^[\w-]{22}$/),
      createdAt: new Date(room.now() - 2 * minute),
      lastSeenAt: new Date(room.now() - 2 * minute),
      expiresAt: new Date(room.now() + 58 * minute),
      authenticatedAt: new Date(room.now() - 2 * minute),
      label: 'phone',
      client: {},
      amr: ['pwd'],
      aal: 1,
      userId: 'ann',
      actor: null,
      isCurrent: true,
    })
  })

  test('and nothing that is, or that holds, an id or a token', async () => {
    const house = open()
    const browsers = await devices(house, 'ann', ['phone', 'laptop'])
    const text = JSON.stringify(await house.users.list('ann'))
    for (const browser of browsers) {
      for (const part of browser.value().split('.')) expect(text).not.toContain(part)
    }
  })

  test('under a handle that stays when the session is rotated or stepped up', async () => {
    const house = open()
    const { room, users } = house
    const [phone] = await devices(house, 'ann', ['phone'])
    const [before] = await users.list('ann')
    await room.visit(phone!, (session) => session.rotate())
    await room.visit(phone!, (session) => session.stepUp({ aal: 2 }))
    const after = await users.list('ann', await room.load(phone!))
    expect(after).toHaveLength(1)
    expect(after[0]).toMatchObject({ handle: before!.handle, aal: 2, isCurrent: true })
  })

  test('a session that is given another id meanwhile is shown once, and as the one that asks', async () => {
    const house = open()
    const { room, users } = house
    const [phone] = await devices(house, 'ann', ['phone'])
    const asking = await room.load(phone!)
    const [[id, record] = []] = await room.memory.listByUser('ann')
    await room.memory.set('successor'.padEnd(43, '_') as typeof id & string, { ...record!, version: 1 })
    expect(await users.list('ann', asking)).toMatchObject([{ isCurrent: true }])
  })

  test('not those that are expired, given up or unreadable', async () => {
    const house = open()
    const { room, users } = house
    const [phone, laptop] = await devices(house, 'ann', ['phone', 'laptop', 'tablet'])
    await room.visit(phone!, (session) => session.rotate())
    const broken = (await room.memory.get(idOf(laptop!)))!
    await room.memory.set(idOf(laptop!), { ...broken, payload: '{"format":9}' })
    expect((await users.list('ann')).map(({ label }) => label)).toEqual(['tablet', 'phone'])
    room.wait(59 * minute)
    expect((await users.list('ann')).map(({ label }) => label)).toEqual(['tablet', 'phone'])
    room.wait(minute)
    expect(await users.list('ann')).toEqual([])
  })

  test('records of before handles were kept have one that stays over rotations', async () => {
    const house = open()
    const { room, users } = house
    const [phone] = await devices(house, 'ann', ['phone'])
    const old = (await room.memory.get(idOf(phone!)))!
    const { auth: _, ...content } = JSON.parse(old.payload) as Record<string, unknown>
    await room.memory.set(idOf(phone!), { ...old, payload: JSON.stringify(content) })
    const [before] = await users.list('ann')
    expect(before).toMatchObject({ label: null, amr: [], aal: null, client: {} })
    await room.visit(phone!, (session) => session.rotate())
    expect((await users.list('ann'))[0]?.handle).toBe(before!.handle)
    expect(await users.revoke('ann', before!.handle)).toBe(true)
    expect(await isAlive(house, phone!)).toBe(false)
  })

  test('ends one of them, once; the handle of another user is refused', async () => {
    const house = open()
    const { users, events } = house
    const [phone, laptop] = await devices(house, 'ann', ['phone', 'laptop'])
    const [theirs] = await devices(house, 'bob', ['tablet'])
    const [{ handle } = { handle: '' }] = await users.list('bob')
    expect(await users.revoke('ann', handle)).toBe(false)
    expect(events).toEqual([])
    const mine = (await users.list('ann')).find(({ label }) => label === 'phone')!
    expect(await users.revoke('ann', mine.handle)).toBe(true)
    expect(await alive(house, [phone!, laptop!, theirs!])).toEqual([false, true, true])
    expect(events).toEqual([{ type: 'revoked', id: idOf(phone!), userId: 'ann', by: 'user' }])
    expect(await users.revoke('ann', mine.handle)).toBe(false)
  })
})

test('ASVS-7.4.3 after a change of password all other sessions end, and this one lives on under its new id', async () => {
  const house = open()
  const { room, users, events } = house
  const browsers = await devices(house, 'ann', ['phone', 'laptop', 'tablet'])
  const [theirs] = await devices(house, 'bob', ['phone'])
  await room.visit(browsers[1]!, async (session) => {
    session.rotate()
    expect(await users.revokeOthers(session)).toBe(2)
  })
  expect(await alive(house, [...browsers, theirs!])).toEqual([false, true, false, true])
  expect(events.map((event) => event.type === 'revoked' && event.by)).toEqual(['others', 'others'])
})

test('the current session is kept although its id has changed since it was loaded', async () => {
  const house = open()
  const { room, users } = house
  const [phone, laptop] = await devices(house, 'ann', ['phone', 'laptop'])
  const slow = await room.load(phone!)
  await room.visit(phone!, (session) => session.rotate())
  await room.visit(phone!, (session) => session.stepUp({}))
  expect(await users.revokeOthers(slow)).toBe(1)
  expect(await alive(house, [phone!, laptop!])).toEqual([true, false])
})

test('ASVS-7.4.2 disabling an account ends all its sessions in one call; later logins work', async () => {
  const house = open()
  const { room, users, events } = house
  const browsers = await devices(house, 'ann', ['phone', 'laptop', 'tablet'])
  const [theirs] = await devices(house, 'bob', ['phone'])
  expect(await users.revokeAll('ann')).toBe(3)
  expect(await alive(house, [...browsers, theirs!])).toEqual([false, false, false, true])
  expect(events.map((event) => event.type === 'revoked' && event.by)).toEqual(['all', 'all', 'all'])
  await room.visit(browsers[0]!, (session) => session.login('ann'))
  expect(await isAlive(house, browsers[0]!)).toBe(true)
})

test('ASVS-7.4.5 an administrator ends a session of any user without having one', async () => {
  const house = open()
  const [phone] = await devices(house, 'ann', ['phone'])
  const { users } = house
  for (const { handle } of await users.list('ann')) await users.revoke('ann', handle)
  expect(await isAlive(house, phone!)).toBe(false)
})

describe('ASVS-7.1.3 a logout at the identity provider', () => {
  const iss = 'https://login.example'
  const login = (sid: string) => (session: Session<Goods>) => session.login('ann', { idp: { iss, sid } })

  test('ends the session that was begun there, and no other', async () => {
    const house = open()
    const { room, users, events } = house
    const browsers = [
      await room.welcome(login('one')),
      await room.welcome(login('two')),
      await room.welcome(),
    ]
    expect(await users.revokeByIdp({ iss: 'https://other.example', sid: 'one' }, 'ann')).toBe(0)
    expect(await users.revokeByIdp({ iss, sid: 'one' }, 'bob')).toBe(0)
    expect(await users.revokeByIdp({ iss, sid: 'one' }, 'ann')).toBe(1)
    expect(await alive(house, browsers)).toEqual([false, true, true])
    expect(events).toEqual([{ type: 'revoked', id: idOf(browsers[0]!), userId: 'ann', by: 'idp' }])
  })

  test('without a sid ends all that the user has from there', async () => {
    const house = open()
    const { room, users } = house
    const browsers = [
      await room.welcome(login('one')),
      await room.welcome(login('two')),
      await room.welcome(),
    ]
    expect(await users.revokeByIdp({ iss }, 'ann')).toBe(2)
    expect(await alive(house, browsers)).toEqual([false, false, true])
    await expect(users.revokeByIdp({ iss })).rejects.toMatchObject({ code: 'ERR_SESSION_CONFIG' })
  })
})

describe('a request that is on its way when its session is revoked', () => {
  const changes: readonly [string, (session: Session<Goods>) => void][] = [
    ['changes data', (session) => session.set('views', 9)],
    ['rotates', (session) => session.rotate()],
    ['steps up', (session) => session.stepUp({ aal: 2 })],
    ['acts as another', (session) => session.actAs('bob')],
  ]
  const revocations: readonly [string, (house: House) => Promise<unknown>][] = [
    ['revoke', async ({ users }) => users.revoke('ann', (await users.list('ann'))[0]!.handle)],
    ['revokeAll', ({ users }) => users.revokeAll('ann')],
    ['revokeOthers', ({ users }) => users.revokeOthers({ id: null, userId: 'ann' })],
  ]

  test.for(changes.flatMap((change) => revocations.map((revocation) => [...change, ...revocation] as const)))(
    'ends as gone, with no cookie and nothing written: %s, %s',
    async ([, change, , revoke]) => {
      const house = open()
      const [phone] = await devices(house, 'ann', ['phone'])
      const { room } = house
      const slow = await room.load(phone!)
      change(slow)
      await revoke(house)
      const { events, setCookie } = await room.commit(phone!, slow)
      expect([typesOf(events), setCookie]).toEqual([['gone'], null])
      expect(await room.store.liveIds()).toEqual([])
    },
  )
})

test.for([
  ['userId', ''],
  ['userId', undefined],
] as const)('a missing user is refused and not taken for one without sessions: %s %s', async ([, userId]) => {
  const { users } = open()
  const user = userId as string
  const refused = { code: 'ERR_SESSION_CONFIG' }
  await expect(users.list(user)).rejects.toMatchObject(refused)
  await expect(users.revoke(user, 'x')).rejects.toMatchObject(refused)
  await expect(users.revokeAll(user)).rejects.toMatchObject(refused)
  await expect(users.revokeOthers({ id: null, userId: user })).rejects.toMatchObject(refused)
})

test('a store that cannot is refused when the door is opened', () => {
  const { room } = open()
  const { delete: remove, get, set } = room.memory
  expect(() => createUserSessions({ get, set, delete: remove } as never)).toThrow(
    /compareAndSet and listByUser/,
  )
})

test('a failing store is an error that is told, never an empty list', async () => {
  const { room } = open()
  const events: SessionEvent[] = []
  const down = new Error('ECONNREFUSED')
  const fail = (): Promise<never> => Promise.reject(down)
  const store = { ...room.memory, listByUser: fail, deleteByUser: fail }
  const users = createUserSessions(store, { onEvent: (event) => events.push(event) })
  const failure = { code: 'ERR_SESSION_STORE', cause: down }
  await expect(users.list('ann')).rejects.toMatchObject(failure)
  await expect(users.revoke('ann', 'x')).rejects.toMatchObject(failure)
  await expect(users.revokeAll('ann')).rejects.toMatchObject(failure)
  expect(typesOf(events)).toEqual(['store-failure', 'store-failure', 'store-failure'])
})

describe('onRevoked calls once when the session', () => {
  /** Watches ann's session; gives how often it was told of its end. */
  async function watch(house: House, browser: Browser): Promise<() => number> {
    let ends = 0
    await house.users.onRevoked(await house.room.load(browser), () => void ends++)
    return () => ends
  }
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

  const ends: readonly [string, (house: House, browser: Browser) => unknown][] = [
    ['is destroyed', ({ room }, browser) => room.visit(browser, (session) => session.destroy())],
    ['is revoked', async ({ users }) => users.revoke('ann', (await users.list('ann'))[0]!.handle)],
    ['ends with all of its user', ({ users }) => users.revokeAll('ann')],
    ['ends with the others', ({ users }) => users.revokeOthers({ id: null, userId: 'ann' })],
    [
      'is superseded by a login',
      ({ room }, browser) => room.visit(browser, (session) => session.login('ann')),
    ],
    ['is deleted in the store', ({ room }, browser) => room.memory.delete(idOf(browser))],
  ]
  const ways: readonly [string, (house: House, browser: Browser) => Promise<unknown>][] = [
    ['at once', async () => {}],
    [
      'after rotations',
      async ({ room }, browser) => {
        await room.visit(browser, (session) => session.rotate())
        await room.visit(browser, (session) => session.rotate())
      },
    ],
    ['after a step-up', ({ room }, browser) => room.visit(browser, (session) => session.stepUp({}))],
  ]

  test.for(ends.flatMap((end) => ways.map((way) => [...end, ...way] as const)))(
    '%s, %s',
    async ([, end, , goOn]) => {
      const house = open()
      const [phone] = await devices(house, 'ann', ['phone'])
      const told = await watch(house, phone!)
      await goOn(house, phone!)
      await settled()
      expect(told()).toBe(0)
      await end(house, phone!)
      await settled()
      expect(told()).toBe(1)
      await house.users.revokeAll('ann')
      await settled()
      expect(told()).toBe(1)
    },
  )

  test('has nobody, and somebody signs in', async () => {
    const house = open()
    const visitor = await house.room.welcome((session) => session.set('views', 1))
    const told = await watch(house, visitor)
    await house.room.visit(visitor, (session) => session.set('views', 2))
    await house.room.visit(visitor, (session) => session.rotate())
    await settled()
    expect(told()).toBe(0)
    await house.room.visit(visitor, (session) => session.login('ann'))
    await settled()
    expect(told()).toBe(1)
  })

  test('has ended before', async () => {
    const house = open()
    const [phone] = await devices(house, 'ann', ['phone'])
    const late = await house.room.load(phone!)
    await house.users.revokeAll('ann')
    let ends = 0
    await house.users.onRevoked(late, () => void ends++)
    expect(ends).toBe(1)
    await house.users.onRevoked(idOf(phone!), () => void ends++)
    expect(ends).toBe(2)
  })

  test('but not when another session ends, nor when nobody waits any more', async () => {
    const house = open()
    const [phone, laptop] = await devices(house, 'ann', ['phone', 'laptop'])
    const told = await watch(house, phone!)
    let ends = 0
    const stop = await house.users.onRevoked(idOf(phone!), () => void ends++)
    stop()
    stop()
    await house.room.visit(laptop!, (session) => session.destroy())
    await house.room.visit(phone!, (session) => session.destroy())
    await settled()
    expect([told(), ends]).toEqual([1, 0])
  })

  test('cannot be asked after: in doubt it has ended', async () => {
    const { room } = open()
    const browser = await room.welcome()
    let broken = false
    const get: typeof room.memory.get = (id) =>
      broken ? Promise.reject(new Error('ECONNRESET')) : room.memory.get(id)
    const users = createUserSessions({ ...room.memory, get }, { now: room.now })
    let ends = 0
    await users.onRevoked(idOf(browser), () => void ends++)
    broken = true
    await room.visit(browser, (session) => session.rotate())
    await settled()
    expect(ends).toBe(1)
  })

  test('is new and not stored: there is nothing to wait for', async () => {
    const { room, users } = open()
    const session = await room.load(new Browser())
    await expect(users.onRevoked(session, () => {})).rejects.toThrow(/commit it first/)
  })

  test('cannot be heard of: the store rejects, and the next try counts', async () => {
    const { room } = open()
    const browser = await room.welcome()
    let tries = 0
    const watch: typeof room.memory.watch = (listener) =>
      tries++ === 0 ? Promise.reject(new Error('no channel')) : room.memory.watch(listener)
    const users = createUserSessions({ ...room.memory, watch }, { now: room.now })
    await expect(users.onRevoked(idOf(browser), () => {})).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
    })
    let ends = 0
    await users.onRevoked(idOf(browser), () => void ends++)
    room.wait(hour / 60)
    await room.visit(browser, (session) => session.destroy())
    await settled()
    expect(ends).toBe(1)
  })
})
