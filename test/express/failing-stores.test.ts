import { Readable } from 'node:stream'
import { RedisStore } from 'connect-redis'
import type { SessionData } from 'express-session'
import { createClient } from 'redis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startRedis, type RedisServer } from '../support/redis-server.ts'
import { implementations } from './implementations.ts'
import { dropIn, openPages, type Opened, type Page } from './pages.ts'
import { holdNextSet, sidOf } from './stores.ts'
import { Visitor } from './visitor.ts'

const [, original] = implementations[0]!

const look: Page = (req, res) => {
  const { cookie: _, ...data } = req.session
  res.json(data)
}

const pages: Record<string, Page> = {
  '/': (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.send(`${req.session.views}`)
  },
  '/look': look,
  '/logout': (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.redirect('/look')))
  },
}

/** Pages of all kinds, each of which keeps its own path. */
const kinds: Record<string, Page> = {
  '/redirect': (_, res) => res.redirect('/look'),
  '/send': (_, res) => res.send('A page.'),
  '/json': (_, res) => res.json({ page: true }),
  '/status': (_, res) => res.sendStatus(201),
  '/pieces': (_, res) => {
    res.write('A ')
    res.write('page')
    res.end('.')
  },
  '/head-first': (_, res) => {
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': 7 })
    res.end('A page.')
  },
  '/flushed': (_, res) => {
    res.flushHeaders()
    res.end('A page.')
  },
  '/stream': (_, res) => void Readable.from(['A ', 'page', '.']).pipe(res),
}

function keepingPaths(pages: Record<string, Page>): Record<string, Page> {
  const entries = Object.entries(pages).map(([path, page]): [string, Page] => [
    path,
    (req, res, next) => {
      req.session['path'] = path
      return page(req, res, next)
    },
  ])
  return { ...Object.fromEntries(entries), '/look': look }
}

describe('a store that takes 300 ms to write', () => {
  test.for(Object.keys(kinds))('has written before the client sees anything of %s', async (path) => {
    let written = 0
    class Slow extends dropIn.MemoryStore {
      override set(sid: string, session: SessionData, done?: (error?: unknown) => void): void {
        setTimeout(() => {
          super.set(sid, session, (error) => {
            written++
            done?.(error)
          })
        }, 300)
      }
    }
    const { visitor } = await openPages(dropIn, keepingPaths(kinds), { store: new Slow() })
    const first = await visitor.visit(path)
    expect(written).toBe(1)
    expect(first.headers.getSetCookie()).toHaveLength(1)
    expect(await visitor.read('/look')).toBe(`{"path":"${path}"}`)
    const changed = await visitor.visit('/send')
    expect(written).toBe(path === '/send' ? 1 : 2)
    await Promise.all([first.text(), changed.text()])
  })

  test('under express-session, lets the client follow a redirect to a page that knows of nothing', async () => {
    const store = new original.MemoryStore()
    const { visitor } = await openPages(original, keepingPaths(kinds), { store })
    const held = holdNextSet(store)
    const response = await visitor.visit('/redirect')
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(await visitor.copy().read('/look')).toBe('{}')
    held.release()
    await response.text()
    expect(await visitor.read('/look')).toBe('{"path":"/redirect"}')
  })
})

describe('a store that fails', () => {
  const down = new Error('The store is down.')

  // express-session has sent the page and the cookie when it learns of it.
  test.for(Object.keys(kinds))('to write is an error of the request, instead of %s', async (path) => {
    const { errors, visitor, watched } = await openPages(dropIn, keepingPaths(kinds), { rolling: true })
    for (const begun of [false, true]) {
      if (begun) await visitor.read('/send')
      watched.failures.set = down
      const response = await visitor.visit(path === '/send' && begun ? '/json' : path)
      expect(response.status).toBe(500)
      expect(await response.text()).toBe('The store is down.')
      expect(response.headers.getSetCookie()).toEqual([])
      expect(response.headers.get('location')).toBeNull()
      delete watched.failures.set
    }
    expect(errors).toEqual([down, down])
    expect(await visitor.read('/look')).toBe('{"path":"/send"}')
  })

  test.for(['destroy', 'touch'] as const)('to %s is an error of the request', async (method) => {
    const { errors, visitor, watched } = await openPages(dropIn, pages, { rolling: true })
    await visitor.read()
    watched.failures[method] = down
    const response = await visitor.visit(method === 'touch' ? '/look' : '/logout')
    expect(response.status).toBe(500)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(errors).toEqual([down])
    delete watched.failures[method]
    expect(await visitor.read()).toBe('2')
  })

  test.for(implementations)('to read is an error of the request, under %s', async ([, session]) => {
    const { errors, visitor, watched } = await openPages(session, pages)
    await visitor.read()
    watched.failures.get = down
    const response = await visitor.visit()
    expect(response.status).toBe(500)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(errors).toEqual([down])
    delete watched.failures.get
    expect(await visitor.read()).toBe('2')
  })

  // express-session lets such requests pass without req.session, for each page to fall over, or to take for strangers.
  test('and says that it is disconnected, still gets its requests', async () => {
    const { visitor, watched } = await openPages(dropIn, pages)
    await visitor.read()
    watched.store.emit('disconnect')
    expect(await visitor.read()).toBe('2')
    expect(await visitor.copy().read('/look')).toBe('{"views":2}')
    watched.failures.get = down
    expect((await visitor.visit()).status).toBe(500)
    delete watched.failures.get
    watched.store.emit('connect')
    expect(await visitor.read()).toBe('3')
  })
})

describe('connect-redis whose server fails', () => {
  async function openOverRedis(): Promise<Opened & { server: RedisServer; ready: () => Promise<unknown> }> {
    const server = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
    const client = createClient({
      url: server.url,
      disableOfflineQueue: true,
      socket: { reconnectStrategy: 50 },
    })
    client.on('error', () => {})
    await client.connect()
    onTestFinished(async () => {
      client.destroy()
      await server[Symbol.asyncDispose]()
    })
    const opened = await openPages(dropIn, pages, { store: new RedisStore({ client }), rolling: true })
    const ready = (): Promise<unknown> => new Promise((resolve) => client.once('ready', () => resolve(null)))
    return { ...opened, server, ready }
  }

  test('to write answers with the error, and without a cookie', async () => {
    const { origin, server, visitor } = await openOverRedis()
    await visitor.read()
    await server.command('CONFIG', 'SET', 'maxmemory', 1)
    for (const somebody of [visitor, new Visitor(origin)]) {
      const response = await somebody.visit()
      expect(response.status).toBe(500)
      expect(await response.text()).toContain('OOM')
      expect(response.headers.getSetCookie()).toEqual([])
    }
    await server.command('CONFIG', 'SET', 'maxmemory', 0)
    expect(await visitor.read()).toBe('2')
  })

  test('to read answers with the error, and takes nobody for a stranger', async () => {
    const { server, visitor } = await openOverRedis()
    await visitor.read()
    const key = `sess:${sidOf(visitor)}`
    const record = await server.command('GET', key)
    await server.command('DEL', key)
    await server.command('RPUSH', key, 'no text')
    const response = await visitor.visit()
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('WRONGTYPE')
    expect(response.headers.getSetCookie()).toEqual([])
    await server.command('SET', key, String(record))
    expect(await visitor.read()).toBe('2')
  })

  test('altogether answers with errors, until it is back with all sessions', async () => {
    const { errors, ready, server, visitor } = await openOverRedis()
    await visitor.read()
    await server.stop()
    expect((await visitor.visit()).status).toBe(500)
    expect((await visitor.visit('/logout')).status).toBe(500)
    expect(errors).toHaveLength(2)
    const back = ready()
    await server.start()
    await back
    expect(await visitor.read()).toBe('2')
  })
})
