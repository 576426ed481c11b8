import { execFile } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { inherits, promisify } from 'node:util'
import type { SessionData, Store } from 'express-session'
import * as door from '@coatcheck/adapters/express-session'
import { describe, expect, test } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { dropIn, openPages, type Page } from './pages.ts'

/** Runs a program of its own here, beside the packages of these tests. @returns What it printed. */
async function run(type: 'commonjs' | 'module', program: string): Promise<unknown> {
  const flags = ['--conditions=coatcheck-source', `--input-type=${type}`, '--no-warnings', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: import.meta.dirname })
  return JSON.parse(stdout)
}

/** Serves a counter, asks it twice, and prints what it answered. */
const visitTwice = `
  const server = express()
    .use(session({ secret: 'a secret', resave: false, saveUninitialized: false }))
    .get('/', (req, res) => res.json(req.session.views = (req.session.views ?? 0) + 1))
    .listen(0, async () => {
      const origin = 'http://127.0.0.1:' + server.address().port
      const first = await fetch(origin)
      const [cookie] = first.headers.getSetCookie()[0].split(';')
      const second = await fetch(origin, { headers: { cookie } })
      console.log(JSON.stringify([await first.json(), await second.json()]))
      server.close()
      server.closeAllConnections()
    })
`

const parts = `[typeof session, ...['Store', 'MemoryStore', 'Cookie', 'Session'].map((name) => typeof session[name])]`

describe('the drop-in', () => {
  const functions = Array.from({ length: 5 }, () => 'function')

  test('is what require gives, with its classes', async () => {
    const imports = `const session = require('@coatcheck/adapters/express-session');`
    expect(await run('commonjs', `${imports} console.log(JSON.stringify(${parts}))`)).toEqual(functions)
    expect(await run('commonjs', `${imports} const express = require('express'); ${visitTwice}`)).toEqual([
      1, 2,
    ])
  })

  test('is what import gives by default, with its classes', async () => {
    const imports = `import session from '@coatcheck/adapters/express-session';`
    expect(await run('module', `${imports} console.log(JSON.stringify(${parts}))`)).toEqual(functions)
    expect(await run('module', `${imports} import express from 'express'; ${visitTwice}`)).toEqual([1, 2])
  })

  test('has its classes as named exports too', () => {
    const { Cookie, default: session, MemoryStore, Session, Store } = door
    expect([Cookie, MemoryStore, Session, Store]).toEqual([
      session.Cookie,
      session.MemoryStore,
      session.Session,
      session.Store,
    ])
  })

  test('is one module, whether required or imported', async () => {
    const program = `
      import session, { Store } from '@coatcheck/adapters/express-session'
      import { createRequire } from 'node:module'
      const required = createRequire(process.cwd() + '/x.cjs')('@coatcheck/adapters/express-session')
      console.log(JSON.stringify([required === session, required.Store === Store]))
    `
    expect(await run('module', program)).toEqual([true, true])
  })
})

type Done = (error?: unknown) => void
type Found = (error: unknown, data?: SessionData | null) => void

/** The methods of a store over a Map, for whatever its class was made by. */
function methodsOf(records: Map<string, string>) {
  return {
    get: (sid: string, done: Found) => setImmediate(done, null, JSON.parse(records.get(sid) ?? 'null')),
    set(sid: string, data: SessionData, done?: Done) {
      records.set(sid, JSON.stringify(data))
      setImmediate(done ?? (() => {}))
    },
    destroy(sid: string, done?: Done) {
      records.delete(sid)
      setImmediate(done ?? (() => {}))
    },
  }
}

/** The ways in which the stores on npm inherit. */
const inheritances: Record<string, (session: Implementation, records: Map<string, string>) => Store> = {
  'a class': (session, records) => {
    class MapStore extends session.Store {
      get = methodsOf(records).get
      set = methodsOf(records).set
      destroy = methodsOf(records).destroy
    }
    return new MapStore()
  },
  'util.inherits': ({ Store }, records) => {
    const Base = Store as unknown as () => void
    function MapStore(this: Store): void {
      Base.call(this)
    }
    inherits(MapStore, Base)
    Object.assign(MapStore.prototype, methodsOf(records))
    return Reflect.construct(MapStore, [])
  },
  'a prototype that is replaced': ({ Store }, records) => {
    const Base = Store as unknown as (options: object) => void
    function MapStore(this: Store, options: object): void {
      Base.call(this, options)
    }
    Object.setPrototypeOf(MapStore.prototype, Store.prototype)
    Object.assign(MapStore.prototype, methodsOf(records))
    return Reflect.construct(MapStore, [{ ttl: 1 }])
  },
  'an instance as prototype': ({ Store }, records) => {
    function MapStore(): void {}
    MapStore.prototype = Reflect.construct(Store, [])
    Object.assign(MapStore.prototype, methodsOf(records))
    return Reflect.construct(MapStore, [])
  },
  'a function that inherits from MemoryStore': ({ MemoryStore }, records) => {
    const Base = MemoryStore as unknown as () => void
    function MapStore(this: Store): void {
      Base.call(this)
    }
    inherits(MapStore, Base)
    Object.assign(MapStore.prototype, methodsOf(records), { touch: undefined })
    return Reflect.construct(MapStore, [])
  },
}

const page: Page = (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.send(`${req.session.views}`)
}

describe.for(implementations)('a store for %s', ([, session]) => {
  test.for(Object.entries(inheritances))('may be made by %s', async ([, make]) => {
    const records = new Map<string, string>()
    const store = make(session, records)
    expect(store).toBeInstanceOf(session.Store)
    expect(store).toBeInstanceOf(EventEmitter)
    const regenerate: Page = (req, res) => req.session.regenerate(() => page(req, res, () => {}))
    const { visitor } = await openPages(session, { '/': page, '/new': regenerate }, { store })
    expect(await visitor.read()).toBe('1')
    expect(await visitor.read()).toBe('2')
    const [before] = records.keys()
    expect(await visitor.read('/new')).toBe('1')
    expect([...records.keys()]).toEqual([expect.not.stringMatching(before!)])
  })

  test('may make the sessions itself', async () => {
    class Labelling extends session.MemoryStore {
      override createSession(...[req, data]: Parameters<Store['createSession']>) {
        return super.createSession(req, { ...data, label: 'made here' } as SessionData)
      }
    }
    const look: Page = (req, res) => res.send(req.session['label'])
    const { visitor } = await openPages(session, { '/': page, '/look': look }, { store: new Labelling() })
    await visitor.read()
    expect(await visitor.read('/look')).toBe('made here')
  })

  test('meets the classes that the package shows', async () => {
    const look: Page = (req, res) => {
      page(req, { send: () => {} } as never, () => {})
      res.json([req.session instanceof session.Session, req.session.cookie instanceof session.Cookie])
    }
    const { visitor } = await openPages(session, { '/': look })
    expect(await visitor.read()).toBe('[true,true]')
    expect(await visitor.read()).toBe('[true,true]')
  })
})

// express-session's own Store is the base of connect-redis and connect-mongo, whatever package serves the session.
test('a store that inherits from express-session serves the drop-in', async () => {
  const [[, expressSession]] = implementations as unknown as [[string, Implementation]]
  const look: Page = (req, res) => res.json([req.session instanceof dropIn.Session, req.session.views])
  for (const make of [inheritances['a class']!, () => new expressSession.MemoryStore()]) {
    const store = make(expressSession, new Map())
    const { visitor } = await openPages(dropIn, { '/': page, '/look': look }, { store })
    await visitor.read()
    expect(await visitor.read('/look')).toBe('[true,1]')
  }
})
