import { session as nativeSession } from '@coatcheck/adapters/express'
import { MemoryStore } from '@coatcheck/adapters/express-session'
import { expressSessions } from '@coatcheck/adapters/express-store'
import { createSessionManager, type Session } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import express from 'express'
import { describe, expect, test } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { listen } from './listen.ts'
import { Visitor } from './visitor.ts'

interface Data {
  views: number
  user: string
}

const secret = 'kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'

/** An application before and after it moved on, over the same store of the old sessions. */
async function open(implementation: Implementation) {
  const oldStore = new MemoryStore()
  const before = express()
  before.use(
    implementation({
      secret,
      store: oldStore as never,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 60_000 },
    }),
  )
  before.get('/', (req, res) => {
    const values = req.session as unknown as Partial<Data>
    values.views = (values.views ?? 0) + 1
    values.user = 'ann'
    res.send(`Visit ${values.views}`)
  })

  const memory = memoryStore()
  const imports: number[] = []
  const sessions = createSessionManager<Data>({ secrets: [secret], store: memory })
  const after = express()
  after.use(
    nativeSession(sessions, {
      legacy: expressSessions<Data>({
        secret: ['a newer secret of express-session', secret],
        store: oldStore,
        userIdOf: ({ user }) => (typeof user === 'string' ? user : null),
        onImport: () => imports.push(1),
      }),
    }),
  )
  after.get('/', (req, res) => {
    const session = req.session as unknown as Session<Data>
    session.update('views', (views = 0) => views + 1)
    res.send(`Visit ${session.get('views')} of ${session.userId}`)
  })
  after.get('/ignore', (_req, res) => void res.send('Nothing.'))
  after.get('/unmodified', (_req, res) => void res.status(304).end())
  const sorry: express.ErrorRequestHandler = (_error, _req, res, _next) => void res.status(500).send('Sorry')
  after.use(sorry)
  // Loopback is where the native cookie needs no https.
  return {
    visitor: new Visitor(await listen(before)),
    origin: (await listen(after)).replace('127.0.0.1', 'localhost'),
    oldStore,
    memory,
    imports,
  }
}

describe.for(implementations)('a session begun under %s', ([, implementation]) => {
  test('goes on under the native adapter, once, with a new id', async () => {
    const { imports, memory, oldStore, origin, visitor } = await open(implementation)
    await visitor.read()
    const moved = visitor.copy(origin)
    const stale = visitor.copy(origin)
    expect(await moved.read()).toBe('Visit 2 of ann')
    expect([...moved.cookies.keys()]).toEqual(['sid'])
    expect(Object.keys(oldStore.sessions)).toEqual([])
    expect(memory.size).toBe(1)
    expect(await moved.read()).toBe('Visit 3 of ann')
    expect(imports).toEqual([1])
    expect(await stale.read()).toBe('Visit 1 of null')
  })

  test('is taken over by a request that does not look at its session', async () => {
    const { origin, visitor } = await open(implementation)
    await visitor.read()
    const moved = visitor.copy(origin)
    await moved.read('/ignore')
    expect([...moved.cookies.keys()]).toEqual(['sid'])
    expect(await moved.read()).toBe('Visit 2 of ann')
  })

  test('stays as it is when the response can carry no cookie', async () => {
    const { oldStore, origin, visitor } = await open(implementation)
    await visitor.read()
    const moved = visitor.copy(origin)
    expect((await moved.visit('/unmodified')).status).toBe(304)
    expect(Object.keys(oldStore.sessions)).toHaveLength(1)
    expect(await moved.read()).toBe('Visit 2 of ann')
  })

  test('is not taken for absent when its store fails', async () => {
    const { oldStore, origin, visitor } = await open(implementation)
    await visitor.read()
    oldStore.get = (_sid, callback) => callback(new Error('The store is down.'))
    const response = await visitor.copy(origin).visit()
    expect(response.status).toBe(500)
    expect(response.headers.getSetCookie()).toEqual([])
  })

  test('that is forged is looked up in no store', async () => {
    const { oldStore, origin, visitor } = await open(implementation)
    await visitor.read()
    const asked: string[] = []
    oldStore.get = (sid) => void asked.push(sid)
    const [name, value] = [...visitor.cookies][0]!
    const forged = new Visitor(origin, [[name, value.replace('.', 'x.')]])
    expect(await forged.read()).toBe('Visit 1 of null')
    expect(asked).toEqual([])
  })
})
