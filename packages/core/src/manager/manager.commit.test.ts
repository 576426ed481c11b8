import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { idOf, openCloakroom, type Goods } from '../../../../test/support/cloakroom.ts'
import type { Session } from '../index.ts'

const committed = expect.objectContaining({ code: 'ERR_SESSION_COMMITTED' })

describe('the handle after the commit', () => {
  const changes: Record<string, (session: Session<Goods>) => void> = {
    set: (session) => session.set('views', 1),
    delete: (session) => session.delete('views'),
    clear: (session) => session.clear(),
    update: (session) => session.update('views', () => 1),
    flash: (session) => session.flash('notice', 'Saved.'),
    takeFlash: (session) => session.takeFlash('notice'),
    login: (session) => session.login('ann'),
    rotate: (session) => session.rotate(),
    destroy: (session) => session.destroy(),
  }

  test.for(Object.keys(changes))('refuses %s', async (name) => {
    const room = openCloakroom()
    const browser = await room.welcome((session) => session.set('views', 1))
    const session = await room.load(browser)
    await room.commit(browser, session)
    expect(() => changes[name]!(session)).toThrow(committed)
    expect(session.get('views')).toBe(1)
  })

  test('refuses changes as soon as the commit has begun', async () => {
    const room = openCloakroom()
    const session = await room.load(new Browser())
    const headers = room.sessions.commit(session)
    expect(() => session.set('views', 1)).toThrow(committed)
    await headers
  })

  test('refuses changes also where nothing was to be written', async () => {
    const room = openCloakroom()
    let leaked: Session<Goods> | undefined
    await room.visit(new Browser(), (session) => {
      leaked = session
    })
    expect(() => leaked!.set('views', 1)).toThrow(committed)
  })

  test('gives the same result to a second commit, which writes nothing', async () => {
    const room = openCloakroom()
    const session = await room.load(new Browser())
    session.set('views', 1)
    const headers = await room.sessions.commit(session)
    room.store.takeCalls()
    expect(await room.sessions.commit(session)).toBe(headers)
    expect(room.store.takeCalls()).toEqual([])
  })

  test('writes once when two commits run at a time', async () => {
    const room = openCloakroom()
    const session = await room.load(new Browser())
    session.set('views', 1)
    const [one, two] = await Promise.all([room.sessions.commit(session), room.sessions.commit(session)])
    expect(two).toBe(one)
    expect(room.memory.size).toBe(1)
  })

  test('is no longer new and has its id', async () => {
    const room = openCloakroom()
    const browser = new Browser()
    const session = await room.load(browser)
    session.set('views', 1)
    expect([session.isNew, session.id]).toEqual([true, null])
    await room.commit(browser, session)
    expect([session.isNew, session.id]).toEqual([false, idOf(browser)])
  })
})

describe('a session of another manager', () => {
  test('is refused by commit and by discard', async () => {
    const [room, other] = [openCloakroom(), openCloakroom()]
    const session = await room.load(new Browser())
    const refusal = { code: 'ERR_SESSION_CONFIG' }
    await expect(other.sessions.commit(session)).rejects.toMatchObject(refusal)
    expect(() => other.sessions.discard(session)).toThrow(expect.objectContaining(refusal))
  })
})

describe('discard', () => {
  test('writes nothing, sets no cookie, and seals', async () => {
    const room = openCloakroom()
    const session = await room.load(new Browser())
    session.set('views', 1)
    const headers = new Headers()
    room.sessions.discard(session).applyTo(headers)
    expect(room.store.takeCalls()).toEqual([])
    expect(headers.getSetCookie()).toEqual([])
    expect(headers.get('Cache-Control')).toBe('private')
    expect(() => session.set('views', 1)).toThrow(committed)
    expect((await room.sessions.commit(session)).isEmpty).toBe(false)
    expect(room.memory.size).toBe(0)
  })

  test('asks nothing of the response when the session was not looked at', async () => {
    const room = openCloakroom()
    expect(room.sessions.discard(await room.load(await room.welcome())).isEmpty).toBe(true)
  })
})

describe('handle', () => {
  test('commits nothing when the handler throws, and passes the error on', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const failure = new Error('Out of coat hangers.')
    const visit = room.visit(browser, (session) => {
      session.set('views', 1)
      session.destroy()
      throw failure
    })
    await expect(visit).rejects.toBe(failure)
    expect(room.store.takeCalls()).toEqual(['get'])
    expect((await room.visit(browser, (session) => session.keys())).value).toEqual([])
  })

  test('seals the session when the handler throws: a late change would vanish', async () => {
    const room = openCloakroom()
    let leaked: Session<Goods> | undefined
    const visit = room.visit(new Browser(), (session) => {
      leaked = session
      throw new Error('Out of coat hangers.')
    })
    await expect(visit).rejects.toThrow('hangers')
    expect(() => leaked!.set('views', 1)).toThrow(committed)
  })

  test('commits before the response is there', async () => {
    const room = openCloakroom()
    const browser = new Browser()
    const { calls } = await room.visit(browser, (session) => session.set('views', 1))
    expect(calls).toEqual(['compareAndSet'])
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })

  test('passes on that the runtime has taken the connection over', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const result = await room.sessions.handle(browser.request(), (session) => {
      session.set('views', 1)
      return undefined
    })
    expect(result).toBeUndefined()
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
  })
})
