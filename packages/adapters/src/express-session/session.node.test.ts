import { spawnSync } from 'node:child_process'
import expressSession from 'express-session'
import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { Cookie } from './cookie.ts'
import { Session, setSessionActions, type SessionActions, type SessionOwner } from './session.ts'

const Original = expressSession.Session as unknown as typeof Session
const names = ['save', 'reload', 'destroy', 'regenerate'] as const

function request(): SessionOwner {
  return { sessionID: 'abc' }
}

/** A session whose methods do what they are told, and a list of what they were called with. */
function acting(actions: Partial<SessionActions> = {}): { session: Session; calls: unknown[] } {
  const req = request()
  const calls: unknown[] = []
  const note =
    (name: string) =>
    async (session: Session): Promise<void> =>
      void calls.push([name, session])
  const [save, reload, destroy, regenerate] = names.map(note)
  setSessionActions(req, {
    save: save!,
    reload: reload!,
    destroy: destroy!,
    regenerate: regenerate!,
    ...actions,
  })
  return { session: new Session(req), calls }
}

describe('as express-session has it', () => {
  const data = fc.dictionary(
    fc.oneof(
      fc.string(),
      fc.constantFrom(
        'id',
        'req',
        'cookie',
        'save',
        'touch',
        'resetMaxAge',
        'constructor',
        '__proto__',
        'toString',
      ),
    ),
    fc.jsonValue(),
  )

  test('data become own properties, but those that are named as a member is', () => {
    fc.assert(
      fc.property(fc.oneof(data, fc.jsonValue()), (data) => {
        // As it comes from a store: only JSON.parse makes a key of __proto__.
        const stored = JSON.parse(JSON.stringify(data)) as object
        const req = request()
        const [session, original] = [new Session(req, stored), new Original(req, stored)]
        expect(Object.entries(session)).toEqual(Object.entries(original))
        expect(JSON.stringify(session)).toBe(JSON.stringify(original))
        expect(session.req).toBe(req)
        expect(Object.getPrototypeOf(session)).toBe(Session.prototype)
      }),
      { seed: 61, numRuns: 500 },
    )
  })

  test.for([Session, Original])(
    'id, req and the methods cannot be seen, and id cannot be changed (%#)',
    (Kind) => {
      const session = new Kind(request(), { views: 1 })
      const seen: string[] = []
      for (const key in session) seen.push(key)
      expect(seen).toEqual(['views'])
      expect(session.id).toBe('abc')
      expect(() => Reflect.set(session, 'id', 'other')).not.toThrow()
      expect(() => void ((session as { id: string }).id = 'other')).toThrow(TypeError)
      expect(session.id).toBe('abc')
    },
  )

  test.for([Session, Original])('a method can be replaced, on one session or for all (%#)', (Kind) => {
    const session = new Kind(request())
    const mine = (): never => session as never
    session.save = mine
    expect(session.save).toBe(mine)
    expect(new Kind(request()).save).not.toBe(mine)
    expect(Object.getOwnPropertyDescriptor(Kind.prototype, 'save')).toMatchObject({
      configurable: true,
      enumerable: false,
      writable: true,
    })
  })

  test.for([Session, Original])(
    'touch gives the cookie its original life again, and returns the session (%#)',
    (Kind) => {
      vi.useFakeTimers({ toFake: ['Date'], now: 0 })
      try {
        const session = new Kind(request())
        session.cookie = new Cookie({ maxAge: 60_000 })
        vi.setSystemTime(20_000)
        expect(session.cookie.maxAge).toBe(40_000)
        expect(session.touch()).toBe(session)
        expect(session.cookie.maxAge).toBe(60_000)
        vi.setSystemTime(30_000)
        expect(session.resetMaxAge().cookie.expires).toEqual(new Date(90_000))
      } finally {
        vi.useRealTimers()
      }
    },
  )
})

describe.for(names)('%s', (name) => {
  test('without a callback is a promise of what its action does', async () => {
    const { session, calls } = acting()
    await expect(session[name]()).resolves.toBeUndefined()
    expect(calls).toEqual([[name, session]])
  })

  test('with a callback returns the session, and calls back later', async () => {
    const { session, calls } = acting()
    let returned = false
    const error = await new Promise((resolve) => {
      expect(
        session[name]((error) => {
          expect(returned).toBe(true)
          resolve(error)
        }),
      ).toBe(session)
      returned = true
    })
    expect(error).toBeUndefined()
    expect(calls).toEqual([[name, session]])
  })

  test('fails as its action does, whether that rejects or throws', async () => {
    const fault = new Error('the store is full')
    const rejecting = acting({ [name]: async () => Promise.reject(fault) }).session
    const throwing = acting({
      [name]: () => {
        throw fault
      },
    }).session
    for (const session of [rejecting, throwing]) {
      // oxlint-disable-next-line no-await-in-loop -- two
      await expect(session[name]()).rejects.toBe(fault)
      // oxlint-disable-next-line no-await-in-loop -- two
      expect(await new Promise((resolve) => void session[name](resolve))).toBe(fault)
    }
  })

  test('begins its work before it returns', () => {
    let begun = false
    const { session } = acting({
      [name]: async () => {
        begun = true
      },
    })
    void session[name]()
    expect(begun).toBe(true)
  })

  test('what is no callback is as good as none', async () => {
    const { session } = acting()
    await expect(session[name](undefined)).resolves.toBeUndefined()
    await expect(session[name](null as never)).resolves.toBeUndefined()
  })
})

test('the actions of one request are not those of another', async () => {
  const [one, other] = [acting(), acting()]
  await one.session.save()
  expect([one.calls.length, other.calls.length]).toEqual([1, 0])
})

describe('without actions, by the store of the request', () => {
  function stored(
    data: object | null,
    error: unknown = null,
  ): { req: SessionOwner; session: Session; calls: unknown[] } {
    const calls: unknown[] = []
    const sessionStore = {
      get: (sid: string, done: (...args: unknown[]) => void) => (calls.push(['get', sid]), done(error, data)),
      set: (sid: string, kept: unknown, done: (error: unknown) => void) => (
        calls.push(['set', sid, kept]),
        done(error)
      ),
      destroy: (sid: string, done: (error: unknown) => void) => (
        calls.push(['destroy', sid, 'session' in req]),
        done(error)
      ),
      regenerate: (req: unknown, done: (error: unknown) => void) => (
        calls.push(['regenerate', req]),
        done(error)
      ),
      createSession: (req: unknown, data: unknown) => void calls.push(['createSession', req, data]),
    }
    const req: SessionOwner = { sessionID: 'abc', sessionStore }
    const session = new Session(req)
    req.session = session
    return { req, session, calls }
  }

  test('each method does there what it is for', async () => {
    const data = { cookie: {} }
    const { req, session, calls } = stored(data)
    await session.save()
    await session.reload()
    await session.regenerate()
    await session.destroy()
    expect(calls).toEqual([
      ['set', 'abc', session],
      ['get', 'abc'],
      ['createSession', req, data],
      ['regenerate', req],
      // The request has lost its session before the store is asked.
      ['destroy', 'abc', false],
    ])
    expect(req).not.toHaveProperty('session')
  })

  test.for(names)('%s fails as the store does', async (name) => {
    const fault = new Error('the store is away')
    await expect(stored(null, fault).session[name]()).rejects.toBe(fault)
  })

  test('a record that has gone cannot be reloaded', async () => {
    await expect(stored(null).session.reload()).rejects.toThrow(/^failed to load session$/)
  })

  test('a session that belongs to no store says so', async () => {
    await expect(new Session(request()).save()).rejects.toThrow('req.sessionStore is missing')
  })
})

test('a failure that nobody looks at harms nobody, and what a callback throws is an uncaught exception', () => {
  // In a process of its own, since these are events of the whole process.
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `
      const { Session, setSessionActions } = await import(${JSON.stringify(new URL('./session.ts', import.meta.url))})
      process.on('unhandledRejection', (error) => console.log('rejection', error.message))
      process.on('uncaughtException', (error) => console.log('exception', error.message))
      const req = { sessionID: 'abc' }
      const fail = async () => { throw new Error('of the store') }
      const work = async () => {}
      setSessionActions(req, { save: fail, reload: fail, destroy: work, regenerate: work })
      const session = new Session(req)
      session.save()
      session.reload(() => { throw new Error('after a failure') })
      session.destroy(() => { throw new Error('after success') })
      `,
    ],
    { encoding: 'utf8' },
  )
  expect(stdout.trim().split('\n').toSorted(), stderr).toEqual([
    'exception after a failure',
    'exception after success',
  ])
})
