import dropIn, { Cookie, MemoryStore } from '@coatcheck/adapters/express-session'
import { fromExpressStore, toExpressStore } from '@coatcheck/adapters/express-store'
import { memoryStore } from '@coatcheck/core/memory-store'
import { testStore } from '@coatcheck/core/testing'
import express from 'express'
import expressSession from 'express-session'
import { describe, expect, test } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { listen } from './listen.ts'
import { Visitor } from './visitor.ts'

const secret = 'kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'

/** What the tests keep in a session. */
interface Values {
  [key: string]: unknown
  views?: number
}

testStore('fromExpressStore over our MemoryStore', () => fromExpressStore(new MemoryStore()), {
  describe,
  test,
})

testStore(
  'fromExpressStore over the MemoryStore of express-session',
  () => fromExpressStore(new expressSession.MemoryStore()),
  { describe, test },
)

test('fromExpressStore does not take a record of express-session for one of its own', async () => {
  const store = new MemoryStore()
  const cookie = new Cookie({ maxAge: 60_000 })
  await new Promise((done) => store.set('sid', { cookie, views: 3 }, done))
  expect(await fromExpressStore(store).get('sid' as never)).toBeNull()
})

function open(session: Implementation, memory = memoryStore(), options = {}): express.Express {
  const app = express()
  const store = toExpressStore(memory, options) as never
  app.use(session({ secret, store, resave: false, saveUninitialized: false, cookie: { maxAge: 60_000 } }))
  app.get('/count', (req, res) => {
    const values = req.session as unknown as Values
    values.views = (values.views ?? 0) + 1
    res.send(`Visit ${values.views}`)
  })
  app.get('/set/:key', (req, res) => {
    const values = req.session as unknown as Values
    values[req.params.key] = true
    res.send('Set.')
  })
  app.get('/keys', (req, res) => void res.json(Object.keys(req.session)))
  app.get('/logout', (req, res) => req.session.destroy(() => res.send('Bye.')))
  return app
}

describe.for(implementations)('toExpressStore under %s', ([, session]) => {
  test('keeps sessions, and ends them', async () => {
    const memory = memoryStore()
    const visitor = new Visitor(await listen(open(session, memory)))
    expect(await visitor.read('/count')).toBe('Visit 1')
    expect(await visitor.read('/count')).toBe('Visit 2')
    const thief = visitor.copy()
    expect(await visitor.read('/logout')).toBe('Bye.')
    expect(memory.size).toBe(0)
    expect(await thief.read('/count')).toBe('Visit 1')
  })

  test('keeps no id that a cookie holds', async () => {
    const sids: string[] = []
    const memory = memoryStore()
    const ids: string[] = []
    const app = open(session, {
      ...memory,
      async compareAndSet(...write) {
        ids.push(write[0], write[1]?.payload ?? '')
        return memory.compareAndSet(...write)
      },
    })
    const visitor = new Visitor(await listen(app))
    await visitor.read('/count')
    const cookie = decodeURIComponent(visitor.cookies.get('connect.sid')!)
    sids.push(cookie.slice(2, cookie.lastIndexOf('.')))
    expect(ids).toHaveLength(2)
    for (const text of ids) expect(text).not.toContain(sids[0])
  })

  test('tells a store with a user index whose session it is', async () => {
    const memory = memoryStore()
    const visitor = new Visitor(await listen(open(session, memory, { userIdOf: () => 'ann' })))
    await visitor.read('/count')
    expect((await memory.listByUser('ann')).size).toBe(1)
    await memory.deleteByUser('ann')
    expect(await visitor.read('/count')).toBe('Visit 1')
  })
})

test('two processes over one store lose no key of parallel requests', async () => {
  const memory = memoryStore()
  const origins = [await listen(open(dropIn as never, memory)), await listen(open(dropIn as never, memory))]
  const visitor = new Visitor(origins[0]!)
  await visitor.read('/count')
  const names = Array.from({ length: 20 }, (_, index) => `key${index}`)
  await Promise.all(names.map((name, index) => visitor.copy(origins[index % 2]).read(`/set/${name}`)))
  expect(JSON.parse(await visitor.read('/keys'))).toEqual(expect.arrayContaining(names))
})
