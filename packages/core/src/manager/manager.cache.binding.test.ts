import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  cookieChanges,
  cookiesOf,
  openCachedRoom,
  snapshotName,
  snapshotOf,
  tokenName,
  withSnapshot,
} from '../../../../test/support/cached-room.ts'
import {
  idOf,
  minute,
  newerSecret,
  second,
  secret,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'
import { createSealer, type SealContext } from '../crypto/sealer.ts'
import { createKeyring } from '../crypto/keyring.ts'
import { encodeSealed } from '../session/sealed-record.ts'
import { decodeRecord, isTombstone } from '../session/record.ts'
import type { Session } from '../session/session.ts'

type Change = (session: Session<Goods>) => void

const changes: Readonly<Record<string, Change>> = {
  login: (session) => session.login('ann'),
  'login of another user': (session) => session.login('bob'),
  rotate: (session) => session.rotate(),
  stepUp: (session) => session.stepUp({ amr: ['otp'] }),
  actAs: (session) => session.actAs('bob'),
}

/** What a read of all there is tells of a session. */
const everything = (session: Session<Goods>): unknown =>
  JSON.stringify([session, session.keys(), session.get('theme'), session.authentication])

/** A read, and whether the store was asked. */
async function read(room: Cloakroom<Goods>, browser: Browser) {
  const { calls, events, value } = await room.visit(browser.copy(), everything)
  return { calls, events, value }
}

describe('a change by this client', () => {
  test.for(Object.entries(changes))(
    '%s: the response brings the new token and its snapshot, which answers at once',
    async ([, change]) => {
      const room = openCachedRoom()
      const browser = await room.welcome()
      const { response } = await room.visit(browser, (session) => {
        session.set('theme', 'dark')
        change(session)
      })
      expect(cookieChanges(response)).toEqual(['set sid', 'set sid-cache'])
      const cached = await read(room, browser)
      expect(cached.calls).toEqual([])
      expect(cached.value).toBe((await read(room, withSnapshot(browser))).value)
    },
  )

  test('a write: the response brings the snapshot of what was written', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const { response } = await room.visit(browser, (session) => session.set('theme', 'dark'))
    expect(cookieChanges(response)).toEqual(['set sid-cache'])
    const cached = await read(room, browser)
    expect([cached.calls, (await room.load(browser)).get('theme')]).toEqual([[], 'dark'])
  })

  test('the first write of a new visitor brings token and snapshot', async () => {
    const room = openCachedRoom()
    const browser = new Browser()
    const { response } = await room.visit(browser, (session) => session.set('theme', 'dark'))
    expect(cookieChanges(response)).toEqual(['set sid', 'set sid-cache'])
    expect((await read(room, browser)).calls).toEqual([])
  })

  test('logout: the response removes both, and the old ones mean nothing any more without the snapshot', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const before = browser.copy()
    const { response } = await room.visit(browser, (session) => session.destroy())
    expect(cookieChanges(response)).toEqual(['remove sid', 'remove sid-cache'])
    expect(browser.cookie).toBeNull()
    expect((await room.load(withSnapshot(before))).isNew).toBe(true)
  })

  test('logout and a new session in one request: the snapshot is that of the new one', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    await room.visit(browser, (session) => {
      session.destroy()
      session.set('theme', 'dark')
    })
    const cached = await read(room, browser)
    expect(cached.calls).toEqual([])
    expect(cached.value).toBe((await read(room, withSnapshot(browser))).value)
    expect((await room.load(browser)).userId).toBeNull()
  })

  test.for(Object.entries(changes))(
    '%s: the snapshot before it means nothing beside the new token',
    async ([, change]) => {
      const room = openCachedRoom()
      const browser = await room.welcome()
      const old = snapshotOf(browser)
      await room.visit(browser, change)
      const mixed = await read(room, withSnapshot(browser, old))
      expect(mixed.calls).toEqual(['get'])
      expect(mixed.events).toEqual([])
      expect(mixed.value).toBe((await read(room, browser)).value)
    },
  )

  test('the snapshot after a rotation means nothing beside the old token', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const old = browser.copy()
    await room.visit(browser, (session) => session.rotate())
    const { calls, events } = await read(room, withSnapshot(old, snapshotOf(browser)))
    expect(calls).toEqual(['get', 'get'])
    expect(events).toEqual([])
  })
})

describe('a snapshot that is not of this session', () => {
  /** Expects that the store answers, and that nothing is said of what the client sent. */
  async function means(nothing: 'nothing', browser: Browser, room: Cloakroom<Goods>): Promise<void> {
    const { calls, events, value } = await room.visit(browser, everything)
    expect([calls, events], nothing).toEqual([['get'], []])
    expect(value).toBe((await read(room, withSnapshot(browser))).value)
  }

  test('means nothing: of another session, of the same user or another', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    for (const user of ['ann', 'bob']) {
      const other = await room.welcome((session) => session.login(user))
      await means('nothing', withSnapshot(browser, snapshotOf(other)), room)
    }
  })

  test('means nothing: of a manager with another cookie name, or on loopback, or of another secret', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const [[, own]] = snapshotOf(browser) as [[string, string]]
    const named = room.reopen({ cache: { for: '60s' }, cookie: { name: '__Host-Http-other' } })
    const other = await named.welcome()
    const local = new Browser('http://localhost')
    await room.visit(local, (session) => session.login('ann'))
    const stranger = openCachedRoom({ secrets: [newerSecret] })
    const values = [
      cookiesOf(other).get('__Host-Http-other-cache')!,
      cookiesOf(local).get('sid-cache')!,
      snapshotOf(await stranger.welcome())[0]![1],
    ]
    for (const value of values) {
      expect(value).toHaveLength(own.length)
      await means('nothing', withSnapshot(browser, [[snapshotName, value]]), room)
    }
  })

  /** A snapshot of exactly this record, sealed for some context by somebody who has a secret. */
  async function sealed(
    room: Cloakroom<Goods>,
    browser: Browser,
    context: Partial<SealContext> = {},
    with_: { secret?: string; content?: string } = {},
  ): Promise<Browser> {
    const id = idOf(browser)
    const stored = (await room.memory.get(id))!
    const record = decodeRecord(stored)!
    if (isTombstone(record)) throw new Error('The session has moved.')
    const until = room.now() + minute
    const text = encodeSealed({ id, version: stored.version, boundAt: room.now(), until, record })
    const whole = { purpose: 'session-snapshot', audience: '', cookieName: snapshotName, ...context } as const
    const sealer = createSealer(createKeyring([with_.secret ?? secret], room.now), whole)
    return withSnapshot(browser, [[snapshotName, await sealer.seal(with_.content ?? text)]])
  }

  test('counts when it is sealed for just this: purpose, cookie name, secret and id', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    expect((await read(room, await sealed(room, browser))).calls).toEqual([])
  })

  test('means nothing: sealed for another purpose, audience or cookie name, or with another secret', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const contexts: Partial<SealContext>[] = [
      { purpose: 'cookie-session' },
      { audience: 'shop' },
      { cookieName: 'sid-cache' },
      { cookieName: tokenName },
    ]
    for (const context of contexts) await means('nothing', await sealed(room, browser, context), room)
    await means('nothing', await sealed(room, browser, {}, { secret: newerSecret }), room)
  })

  test.for([
    ['empty', ''],
    ['no list', '{}\n{}'],
    ['nothing but an id', '["id"]\n'],
    ['not JSON', 'snapshot'],
    ['a tombstone', `["id",1,0,9e15,null]\n{"format":1,"successor":"${'A'.repeat(43)}","graceUntil":9e15}`],
    ['of another format', '["id",1,0,9e15,null]\n{"format":2}'],
  ])('means nothing, though it opens: %s', async ([, content]) => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const text = content!.replace('"id"', JSON.stringify(idOf(browser)))
    await means('nothing', await sealed(room, browser, {}, { content: text }), room)
  })

  test('means nothing with any single character changed, or cut off anywhere', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const [[, value]] = snapshotOf(browser) as [[string, string]]
    const session = await room.load(browser)
    room.store.takeCalls()
    for (let at = 0; at < value.length; at++) {
      const changed = `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`
      for (const other of [changed, value.slice(0, at)]) {
        const loaded = await room.load(withSnapshot(browser, [[snapshotName, other]]))
        expect([room.store.takeCalls(), loaded.id], `at ${at}`).toEqual([['get'], session.id])
      }
    }
    expect(room.events.filter(({ type }) => type === 'rejected')).toEqual([])
  })

  test('does no harm: up to 8 beside each other are looked at, and the right one counts', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const [[, own]] = snapshotOf(browser) as [[string, string]]
    const others = []
    for (let at = 0; at < 8; at++) others.push(snapshotOf(await room.welcome())[0]![1])
    const loads = async (values: readonly string[]): Promise<unknown> => {
      const pairs = [...values, browser.value(tokenName)].map(
        (value, at, { length }) => `${at === length - 1 ? tokenName : snapshotName}=${value}`,
      )
      room.store.takeCalls()
      const request = new Request('https://shop.test/', { headers: { cookie: pairs.join('; ') } })
      return [(await room.sessions.load(request)).userId, room.store.takeCalls()]
    }
    expect(await loads([...others.slice(1), own])).toEqual(['ann', []])
    expect(await loads([...others, own])).toEqual(['ann', ['get']])
    expect(await loads(['', 'x', '~9~', own])).toEqual(['ann', []])
  })
})

describe('a snapshot in several cookies', () => {
  const large = 'x'.repeat(4000)

  async function openLarge() {
    const room = openCachedRoom()
    const browser = await room.welcome((session) => session.set('theme', large))
    expect(snapshotOf(browser).map(([name]) => name)).toEqual([snapshotName, `${snapshotName}.1`])
    return { room, browser }
  }

  test('answers when it is whole', async () => {
    const { browser, room } = await openLarge()
    const { calls, value } = await room.visit(browser, (session) => session.get('theme'))
    expect([calls, value]).toEqual([[], large])
  })

  test('means nothing with a part missing, empty, swapped, or of another write', async () => {
    const { browser, room } = await openLarge()
    const [head, part] = snapshotOf(browser) as [[string, string], [string, string]]
    await room.visit(browser, (session) => session.set('views', 1))
    const [newHead, newPart] = snapshotOf(browser) as [[string, string], [string, string]]
    const jars: [string, string][][] = [
      [newHead],
      [newPart],
      [newHead, [newPart[0], '']],
      [
        [newHead[0], newPart[1]],
        [newPart[0], newHead[1]],
      ],
      [newHead, part],
      [head, newPart],
    ]
    for (const jar of jars) {
      const { calls, events, value } = await room.visit(withSnapshot(browser, jar), (session) => [
        session.get('theme')?.length,
        session.get('views'),
      ])
      expect([calls, events, value]).toEqual([['get'], [], [4000, 1]])
    }
    // The old one whole is a snapshot like any other: of before the write, and for the rest of its time.
    const old = await room.visit(withSnapshot(browser, [head, part]), (session) => session.get('views'))
    expect([old.calls, old.value]).toEqual([[], undefined])
  })

  test('leaves no part behind when it becomes smaller, and none at logout', async () => {
    const { browser, room } = await openLarge()
    const leaving = browser.copy()
    const { response } = await room.visit(browser, (session) => session.delete('theme'))
    expect(cookieChanges(response)).toEqual(['remove sid-cache.1', 'set sid-cache'])
    expect((await room.visit(browser, (session) => session.keys())).calls).toEqual([])
    const logout = await room.visit(leaving, (session) => session.destroy())
    expect(cookieChanges(logout.response)).toEqual(['remove sid', 'remove sid-cache', 'remove sid-cache.1'])
    expect(leaving.cookie).toBeNull()
  })

  test('a session that takes more than 2 has none: the store answers, and the parts of before are removed', async () => {
    const { browser, room } = await openLarge()
    const { response } = await room.visit(browser, (session) => session.set('notice', large))
    expect(cookieChanges(response)).toEqual(['remove sid-cache', 'remove sid-cache.1'])
    for (let visit = 0; visit < 2; visit++) {
      const read = await room.visit(browser, (session) => session.get('notice'))
      expect([read.value, read.calls, cookieChanges(read.response)]).toEqual([large, ['get'], []])
      room.wait(second)
    }
    const { calls } = await room.visit(browser, (session) =>
      session.update('views', (views = 0) => views + 1),
    )
    expect(calls).toEqual(['get', 'compareAndSet'])
    expect((await room.load(browser)).get('views')).toBe(1)
  })

  test('the largest snapshot leaves room for the cookies of the application within what a header may have', async () => {
    const room = openCachedRoom()
    let sizes: number[] = []
    for (let size = 4800; size < 6500; size += 20) {
      const browser = await room.welcome((session) => session.set('theme', 'x'.repeat(size)))
      if (snapshotOf(browser).length > 0) sizes = [size, browser.cookie!.length]
    }
    expect(sizes[0]).toBeGreaterThan(5000)
    expect(sizes[1]).toBeLessThan(8400)
  })
})
