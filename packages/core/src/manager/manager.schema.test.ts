import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Browser } from '../../../../test/support/browser.ts'
import { idOf, minute, openCloakroom, typesOf } from '../../../../test/support/cloakroom.ts'

/** What the older version of the application kept. */
interface Former {
  count: number
  theme: string
  views: unknown
}

const zodSchema = z.object({
  views: z.number().int().min(0).optional(),
  theme: z.enum(['dark', 'light']).optional(),
})

const schemas = {
  zod: zodSchema,
  valibot: v.object({
    views: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    theme: v.optional(v.picklist(['dark', 'light'])),
  }),
  arktype: type({ 'views?': 'number.integer >= 0', 'theme?': "'dark' | 'light'" }),
}

describe.for(Object.entries(schemas))('with a schema of %s', ([, schema]) => {
  const open = () =>
    openCloakroom<{ views?: number | undefined; theme?: 'dark' | 'light' | undefined }>({ schema })

  test('data that fit come and go', async () => {
    const room = open()
    const browser = await room.welcome((session) => session.set('views', 1))
    await room.visit(browser, (session) => session.set('theme', 'dark'))
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('theme')])
    expect(value).toEqual([1, 'dark'])
  })

  test('data that do not fit are refused at the commit, by the name of the key, and nothing is written', async () => {
    const room = open()
    const browser = await room.welcome((session) => session.set('views', 1))
    const visit = room.visit(browser, (session) => {
      session.set('theme', 'dark')
      session.set('views', -1)
    })
    await expect(visit).rejects.toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_DATA' })
    await expect(visit).rejects.toThrow(/\bviews\b/)
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('theme')])
    expect(value).toEqual([1, undefined])
  })

  test('data that do not fit begin no session', async () => {
    const room = open()
    const visit = room.visit(new Browser(), (session) => session.set('views', 0.5))
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
    expect(room.memory.size).toBe(0)
  })

  test('stored data that do not fit lead to a new session', async () => {
    const former = openCloakroom<Former>()
    const browser = await former.welcome((session) => session.set('theme', 'sepia'))
    const room = former.reopen({ schema })
    const { events, value } = await room.visit(browser, (session) => [session.isNew, session.keys()])
    expect(value).toEqual([true, []])
    expect(events).toEqual([{ type: 'rejected', reason: 'schema', id: idOf(browser) }])
  })

  test('the data are typed by the schema', async () => {
    const room = openCloakroom({ schema })
    await room.visit(new Browser(), (session) => {
      session.set('theme', 'dark')
      // @ts-expect-error it is no theme
      session.set('theme', 'sepia')
      session.set('theme', 'light')
    })
  })
})

describe('a schema', () => {
  test('fills in its defaults when the data are loaded', async () => {
    const former = openCloakroom<Former>()
    const browser = await former.welcome()
    const room = former.reopen({ schema: z.object({ views: z.number().default(7) }) })
    const { calls, value } = await room.visit(browser, (session) => session.get('views'))
    expect(value).toBe(7)
    expect(calls).toEqual(['get'])
  })

  test('takes away what it does not know, and the next change takes it out of the store', async () => {
    const former = openCloakroom<Former>()
    const browser = await former.welcome((session) => session.set('count', 3))
    const room = former.reopen({ schema: zodSchema })
    expect((await room.visit(browser, (session) => session.keys())).value).toEqual([])
    expect((await room.memory.get(idOf(browser)))?.payload).toContain('count')
    await room.visit(browser, (session) => session.set('views', 1))
    expect((await room.memory.get(idOf(browser)))?.payload).not.toContain('count')
  })

  test('may be asynchronous', async () => {
    const schema = z.object({ views: z.number().refine(async (views) => views >= 0) })
    const room = openCloakroom({ schema })
    const browser = await room.welcome((session) => session.set('views', 1))
    await expect(room.visit(browser, (session) => session.set('views', -1))).rejects.toMatchObject({
      code: 'ERR_SESSION_DATA',
    })
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
  })

  test('holds for what a replay makes of the data', async () => {
    const room = openCloakroom({ schema: z.object({ views: z.number().max(2).optional() }) })
    const browser = await room.welcome((session) => session.set('views', 1))
    const slow = await room.load(browser)
    slow.update('views', (views = 0) => views + 1)
    await room.visit(browser, (session) => session.set('views', 2))
    await expect(room.commit(browser, slow)).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(2)
  })

  test.for(['login', 'rotate'] as const)(
    'that refuses the data of a %s leaves the session as it was',
    async (method) => {
      const room = openCloakroom({ schema: zodSchema })
      const browser = await room.welcome((session) => session.set('views', 1))
      const before = idOf(browser)
      const visit = room.visit(browser, (session) => {
        session.set('views', -1)
        session[method]('ann')
      })
      await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
      expect(await room.store.liveIds()).toEqual([before])
      expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
    },
  )

  test('that refuses what follows a destroy leaves no half of the commit behind', async () => {
    const room = openCloakroom({ schema: zodSchema })
    const browser = await room.welcome((session) => session.set('views', 1))
    const visit = room.visit(browser, (session) => {
      session.destroy()
      session.set('views', -1)
    })
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_DATA' })
    expect(await room.store.liveIds()).toEqual([idOf(browser)])
  })
})

describe('migrate', () => {
  const schema = z.strictObject({ views: z.number().optional(), theme: z.string().optional() })
  const migrate = (old: unknown) => {
    const { count, ...others } = old as { count?: number }
    return count === undefined ? null : { ...others, views: count }
  }
  const former = () => openCloakroom<Former>()

  test('brings stored data into the form of today, and the next commit writes them', async () => {
    const before = former()
    const browser = await before.welcome((session) => session.set('count', 3))
    const room = before.reopen({ schema, migrate })
    const { calls, events, setCookie, value } = await room.visit(browser, (session) => session.get('views'))
    expect(value).toBe(3)
    expect(calls).toEqual(['get', 'compareAndSet'])
    expect(events).toEqual([{ type: 'updated', id: idOf(browser), keys: [] }])
    expect(setCookie).toBeNull()
    const strict = before.reopen({ schema })
    expect((await strict.visit(browser, (session) => session.get('views'))).value).toBe(3)
  })

  test('runs once for each session: what was written fits', async () => {
    let runs = 0
    const before = former()
    const browser = await before.welcome((session) => session.set('count', 3))
    const room = before.reopen({ schema, migrate: (old) => (runs++, migrate(old)) })
    for (let visit = 0; visit < 3; visit++) await room.visit(browser, (session) => session.get('views'))
    expect(runs).toBe(1)
  })

  test('may be asynchronous', async () => {
    const before = former()
    const browser = await before.welcome((session) => session.set('count', 3))
    const room = before.reopen({ schema, migrate: async (old) => migrate(old) })
    expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(3)
  })

  test('gives a session up by null, and when its result does not fit either', async () => {
    const before = former()
    for (const made of [null, { views: 'many' } as unknown as { views: number }]) {
      const browser = await before.welcome((session) => session.set('count', 3))
      const room = before.reopen({ schema, migrate: () => made })
      const { events, value } = await room.visit(browser, (session) => session.isNew)
      expect(value).toBe(true)
      expect(events).toEqual([{ type: 'rejected', reason: 'schema', id: idOf(browser) }])
    }
  })

  test('loses nothing in a race: both requests bring the data along and change them', async () => {
    const before = former()
    const browser = await before.welcome((session) => session.set('count', 3))
    const room = before.reopen({ schema, migrate })
    const [one, two] = [await room.load(browser), await room.load(browser)]
    one.update('views', (views = 0) => views + 1)
    two.update('views', (views = 0) => views + 1)
    two.set('theme', 'dark')
    await room.commit(browser, one)
    await room.commit(browser, two)
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('theme')])
    expect(value).toEqual([5, 'dark'])
  })

  test('loses nothing to a host that still runs the former version', async () => {
    const before = former()
    const browser = await before.welcome((session) => session.set('count', 3))
    const room = before.reopen({ schema, migrate })
    const slow = await room.load(browser)
    slow.set('theme', 'dark')
    await before.visit(browser, (session) => session.set('count', 4))
    await room.commit(browser, slow)
    const { value } = await room.visit(browser, (session) => [session.get('views'), session.get('theme')])
    expect(value).toEqual([4, 'dark'])
  })

  test('is written along by rotate, login and a visit within the grace window', async () => {
    const before = former()
    const room = before.reopen({ schema, migrate })
    const strict = before.reopen({ schema })
    for (const method of ['rotate', 'login'] as const) {
      const browser = await before.welcome((session) => session.set('count', 3))
      await room.visit(browser, (session) => session[method]('ann'))
      expect((await strict.visit(browser, (session) => session.get('views'))).value).toBe(3)
    }
    const browser = await before.welcome((session) => session.set('count', 3))
    const old = browser.copy()
    await before.visit(browser, (session) => session.rotate())
    room.wait(minute - 1)
    expect(typesOf((await room.visit(old, (session) => session.get('views'))).events)).toEqual(['updated'])
    expect((await strict.visit(browser, (session) => session.get('views'))).value).toBe(3)
  })

  test('does not bring a session back that ended meanwhile', async () => {
    const before = former()
    const browser = await before.welcome((session) => session.set('count', 3))
    const room = before.reopen({ schema, migrate })
    const slow = await room.load(browser)
    await before.visit(browser.copy(), (session) => session.destroy())
    expect(typesOf((await room.commit(browser, slow)).events)).toEqual(['gone'])
    expect(room.memory.size).toBe(0)
  })
})
