import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  cookieChanges,
  openCachedRoom,
  snapshotName,
  snapshotOf,
  withSnapshot,
} from '../../../../test/support/cached-room.ts'
import { idOf, openCloakroom, second, secret } from '../../../../test/support/cloakroom.ts'
import { memoryStore } from '../memory-store.ts'
import { createSessionManager } from './store-manager.ts'

describe('the option', () => {
  const make = (cache: unknown, lifetime = {}): unknown =>
    createSessionManager({ secrets: [secret], store: memoryStore(), cache: cache as never, lifetime })

  test.for([
    ['nothing in it', {}, 'cache.for is undefined'],
    ['a number', { for: 60 }, 'cache.for is 60'],
    ['no unit', { for: '60' }, 'cache.for is 60'],
    ['zero', { for: '0s' }, 'cache.for is 0s'],
    ['below a second', { for: '0.9s' }, "cache.for must be at least '1s'"],
    ['negative', { for: '-1m' }, 'cache.for is -1m'],
    ['garbage', { for: 'a minute' }, 'cache.for is a minute'],
    [
      'more than half of the default idle limit',
      { for: '12.1h' },
      'cache.for must be at most half of lifetime.idle',
    ],
    ['a name that there is not', { for: '60s', fro: '60s' }, 'cache.fro is not known; there are for'],
    ['a string', '60s', 'cache must be an object'],
    ['true', true, 'cache must be an object'],
  ] as const)('is refused when the manager is made: %s', ([, cache, message]) => {
    const refusal = { code: 'ERR_SESSION_CONFIG', message: expect.stringContaining(message) }
    expect(() => make(cache)).toThrow(expect.objectContaining(refusal))
  })

  test('may be half of the idle limit, and not more', () => {
    expect(() => make({ for: '12h' })).not.toThrow()
    expect(() => make({ for: '60s' }, { idle: '2m' })).not.toThrow()
    expect(() => make({ for: '61s' }, { idle: '2m' })).toThrow(
      'cache.for must be at most half of lifetime.idle',
    )
    // The default idle limit is not above the absolute one.
    expect(() => make({ for: '31m' }, { absolute: '1h' })).toThrow('cache.for')
  })

  test('null and undefined leave it off', async () => {
    for (const cache of [null, undefined]) {
      const room = openCloakroom({ cache: cache as never })
      expect(snapshotOf(await room.welcome())).toEqual([])
    }
  })
})

describe('describe', () => {
  test('states the bound for others, and what it costs, in words and as data', async () => {
    const { data, sentences } = await openCachedRoom({ cache: { for: '90s' } }).sessions.describe()
    expect(data.cache).toEqual({ for: 90 * second, secure: snapshotName, loopback: 'sid-cache' })
    const text = sentences.join(' ')
    expect(text).toContain(
      'For 90 seconds after the store was asked, reads are answered from a sealed snapshot',
    )
    expect(text).toContain(`in the cookie ${snapshotName} (on loopback sid-cache)`)
    expect(text).toContain('ended or changed elsewhere goes on as it was for up to 90 seconds')
    expect(text).toContain('longer by what the clocks of servers differ')
    expect(text).toContain('load(request, { fresh: true }) asks the store')
    expect(text).toContain('is not recorded, so a session may end up to another 90 seconds earlier')
    for (const sentence of sentences) expect(sentence.length).toBeGreaterThan(20)
  })

  test('says nothing of it without the option', async () => {
    const { data, sentences } = await openCloakroom().sessions.describe()
    expect(data.cache).toBeNull()
    expect(sentences.join(' ')).not.toContain('snapshot')
  })
})

describe('explain', () => {
  test('tells what the store has, whatever the snapshot says, and changes nothing', async () => {
    const room = openCachedRoom()
    const browser = await room.welcome()
    const live = await room.sessions.explain(browser.request())
    expect(live.session).toMatchObject({ verdict: 'live', signedIn: true })
    expect(live.response.plan).toBe('nothing')
    await room.visit(browser.copy(), (session) => session.destroy())
    room.store.takeCalls()
    const before = room.events.length
    const ended = await room.sessions.explain(browser.request())
    expect(ended.session.verdict).toBe('unknown')
    expect(room.store.takeCalls()).toEqual(['get'])
    expect(room.events).toHaveLength(before)
    expect((await room.load(browser)).userId).toBe('ann')
  })

  test('does not take the cookie of the snapshot for one of a session', async () => {
    const room = openCachedRoom()
    const explained = await room.sessions.explain((await room.welcome()).request())
    expect(explained.cookie.candidates).toHaveLength(1)
  })
})

describe('a schema', () => {
  const schema = z.object({ views: z.number().optional() })
  type Former = z.infer<typeof schema>
  const stricter = z.object({ views: z.number().max(5).optional(), theme: z.string().default('light') })
  type Today = z.infer<typeof stricter>

  test('is held against what a snapshot says: defaults are there, and a write keeps them', async () => {
    const room = openCachedRoom<Former>({ schema })
    const browser = await room.welcome((session) => session.set('views', 1))
    const today = room.reopen<Today>({ cache: { for: '60s' }, schema: stricter })
    const { calls, value } = await today.visit(browser, (session) => session.get('theme'))
    expect([calls, value]).toEqual([[], 'light'])
    await today.visit(browser, (session) => session.set('views', 2))
    expect((await today.visit(withSnapshot(browser), (session) => session.get('views'))).value).toBe(2)
  })

  test('data that no longer fit are migrated once, by way of the store', async () => {
    const room = openCachedRoom<Former>({ schema })
    const browser = await room.welcome((session) => session.set('views', 9))
    let migrations = 0
    const today = room.reopen<Today>({
      cache: { for: '60s' },
      schema: stricter,
      migrate() {
        migrations++
        return { views: 5, theme: 'dark' }
      },
    })
    const first = await today.visit(browser, (session) => session.get('views'))
    expect([first.value, first.calls]).toEqual([5, ['get', 'compareAndSet']])
    const after = migrations
    const next = await today.visit(browser, (session) => session.get('theme'))
    expect([next.value, next.calls, migrations]).toEqual(['dark', [], after])
  })

  test('data that fit no more and cannot be migrated end the session, as without a snapshot', async () => {
    const room = openCachedRoom<Former>({ schema })
    const browser = await room.welcome((session) => session.set('views', 9))
    const today = room.reopen<Today>({ cache: { for: '60s' }, schema: stricter })
    const { events, response, value } = await today.visit(browser, (session) => session.isNew)
    expect(value).toBe(true)
    expect(events).toEqual([{ type: 'rejected', reason: 'schema', id: idOf(browser) }])
    expect(cookieChanges(response)).toEqual(['remove sid-cache'])
  })

  test('what does not fit is not written over a snapshot, and leaves it as it was', async () => {
    const room = openCachedRoom<Today>({ schema: stricter })
    const browser = await room.welcome((session) => session.set('views', 1))
    const visit = room.visit(browser, (session) => session.set('views', 6))
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
    const { calls, value } = await room.visit(browser, (session) => session.get('views'))
    expect([calls, value]).toEqual([[], 1])
  })
})
