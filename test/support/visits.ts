import type { Session, SessionManager } from '@coatcheck/core'
import { describe, expect, test } from 'vitest'
import { Browser } from './browser.ts'
import { idOf, minute, openCloakroom, typesOf, type Cloakroom, type Goods } from './cloakroom.ts'
import { openSealed, openSealedOver } from './sealed-cloakroom.ts'

/** A handler of the application, in the terms that all adapters share. */
export type Handler = (session: Session<Goods>, request: Request) => Response | Promise<Response>

/** A server, from the request to the response. */
export type Server = (request: Request, context?: Context) => Promise<Response>

/** What a Workers runtime lets a request do. */
export interface Context {
  waitUntil(promise: Promise<unknown>): void
}

/** Makes a server of an adapter. The session is loaded before the handler is called. */
export type Mount = (sessions: SessionManager<Goods>, handler: Handler) => Server

/** A visit of a browser to a server. */
export async function visit(
  server: Server,
  browser: Browser,
  path = '/',
  init?: RequestInit,
): Promise<Response> {
  return browser.receive(await server(browser.request(path, init)))
}

/** A body that is produced only as far as it is read. */
export function slowBody(chunks: readonly string[]): {
  body: ReadableStream<Uint8Array>
  produced: () => number
} {
  let produced = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[produced++]
        if (chunk === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(chunk))
      },
    },
    { highWaterMark: 0 },
  )
  return { body, produced: () => produced }
}

/** What every adapter must do, wherever the sessions are kept. */
export function testVisits(adapter: string, mount: Mount, keeping: Keeping = inStore): void {
  const { isKept, sealed } = keeping
  const open = opener(mount, keeping)
  describe(adapter, () => {
    describe('saves and loads', () => {
      test('what one request sets, the next one has', async () => {
        const { browser, server } = open((session) => {
          session.update('views', (views = 0) => views + 1)
          return new Response(`Visit ${session.get('views')}`)
        })
        const first = await visit(server, browser)
        expect(await first.text()).toBe('Visit 1')
        expect(first.headers.getSetCookie()).toHaveLength(1)
        const second = await visit(server, browser)
        expect(await second.text()).toBe('Visit 2')
        expect(second.headers.getSetCookie()).toHaveLength(sealed ? 1 : 0)
      })

      test('the store has been written to before there is a response head', async () => {
        const disk = Promise.withResolvers<void>()
        const writing = Promise.withResolvers<void>()
        const { browser, room, server } = open(
          (session, request) => {
            session.login('ann')
            return change(session, request)
          },
          (memory) => ({
            ...memory,
            async compareAndSet(...write) {
              writing.resolve()
              await disk.promise
              return memory.compareAndSet(...write)
            },
          }),
        )
        let head = false
        const response = server(browser.request()).then((result) => {
          head = true
          return result
        })
        await writing.promise
        // More turns than a response needs that waits for nothing.
        for (let turn = 0; turn < 100; turn++) await Promise.resolve()
        expect(head).toBe(false)
        disk.resolve()
        browser.receive(await response)
        expect(room.memory.size).toBe(1)
        expect(await isKept(room, browser)).toBe(true)
        expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
      })

      test('the session is kept before the body is produced', async () => {
        const { body, produced } = slowBody(['one', 'two'])
        const { browser, room, server } = open((session) => {
          session.set('views', 1)
          return new Response(body)
        })
        await visit(server, browser)
        expect(produced()).toBe(0)
        expect(await isKept(room, browser)).toBe(true)
      })

      test('a body streams through, and is produced as it is read', async () => {
        // More than the buffers of a connection take.
        const chunks = Array.from({ length: 1000 }, () => 'x'.repeat(1024))
        for (const handler of [change, read, ignore]) {
          const { body, produced } = slowBody(chunks)
          const { browser, server } = open((session, request) => {
            void handler(session, request)
            return new Response(body)
          })
          const reader = (await server(browser.request())).body!.getReader()
          let length = (await reader.read()).value!.length
          expect(produced()).toBeLessThan(500)
          for (let next = await reader.read(); !next.done; next = await reader.read())
            length += next.value.length
          expect(length).toBe(1024 * 1000)
        }
      })

      test('a session that is changed while the body streams says that it is too late', async () => {
        const refusals: unknown[] = []
        const { browser, server } = open((session) => {
          const body = new ReadableStream<Uint8Array>(
            {
              pull(controller) {
                try {
                  session.set('views', 1)
                } catch (error) {
                  refusals.push(error)
                }
                controller.close()
              },
            },
            { highWaterMark: 0 },
          )
          return new Response(body)
        })
        await (await server(browser.request())).text()
        expect(refusals).toEqual([expect.objectContaining({ code: 'ERR_SESSION_COMMITTED' })])
      })

      test('ASVS-7.4.1 NIST-5.1-end logout removes the cookie and ends the session', async () => {
        const { browser, room, server } = open((session, request) => {
          if (request.url.endsWith('/logout')) session.destroy()
          else session.login('ann')
          return new Response('Done')
        })
        await visit(server, browser)
        const copy = browser.copy()
        expect(await isKept(room, copy)).toBe(true)
        await visit(server, browser, '/logout', { method: 'POST' })
        expect(browser.cookie).toBeNull()
        expect(await isKept(room, copy)).toBe(false)
      })
    })

    describe('a response', () => {
      test('RFC9111-5.2.2 of a request that left the session alone has nothing added', async () => {
        const { browser, room, server } = open(
          () =>
            new Response('Hi', {
              headers: { 'Cache-Control': 'public, max-age=60', 'CDN-Cache-Control': 'max-age=9' },
            }),
        )
        const { headers } = await visit(server, browser)
        expect(Object.fromEntries(headers)).toEqual({
          'cache-control': 'public, max-age=60',
          'cdn-cache-control': 'max-age=9',
          'content-type': 'text/plain;charset=UTF-8',
        })
        expect(room.store.takeCalls()).toEqual([])
      })

      test('ASVS-14.3.2 RFC9111-4.1 RFC9111-7.3 RFC9213-2 that sets our cookie is kept by no cache', async () => {
        const { browser, server } = open((session) => {
          session.set('views', 1)
          return new Response('Hi', { headers: cacheable })
        })
        const { headers } = await visit(server, browser)
        expect(headers.get('Cache-Control')).toBe('no-store')
        expect(headers.get('Vary')).toBe('Accept-Encoding, Cookie')
        for (const name of ['Expires', 'CDN-Cache-Control', 'Surrogate-Control'])
          expect(headers.has(name)).toBe(false)
      })

      test('ASVS-14.2.2 ASVS-14.2.5 RFC9111-4.1 RFC9213-2 that depends on the session is kept by no shared cache', async () => {
        const { browser, server } = open(
          (session) => new Response(session.userId ?? 'nobody', { headers: cacheable }),
        )
        const { headers } = await visit(server, browser)
        expect(headers.get('Cache-Control')).toBe('private, max-age=60')
        expect(headers.get('Vary')).toBe('Accept-Encoding, Cookie')
        for (const name of ['CDN-Cache-Control', 'Surrogate-Control']) expect(headers.has(name)).toBe(false)
      })

      test('keeps status, status text, body and headers', async () => {
        const { browser, server } = open((session) => {
          session.set('views', 1)
          return new Response('I am a teapot', {
            status: 418,
            statusText: 'Teapot',
            headers: { 'X-Pot': 'tea' },
          })
        })
        const response = await visit(server, browser)
        expect([response.status, response.statusText, response.headers.get('X-Pot')]).toEqual([
          418,
          'Teapot',
          'tea',
        ])
        expect(await response.text()).toBe('I am a teapot')
        expect(response.headers.getSetCookie()).toHaveLength(1)
      })

      test('keeps all cookies of the application, beside ours', async () => {
        const { browser, server } = open((session) => {
          session.set('views', 1)
          const headers = new Headers()
          headers.append('Set-Cookie', 'theme=dark; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT')
          headers.append('Set-Cookie', 'lang=de; Path=/')
          headers.append('Set-Cookie', 'seen=1; Path=/')
          return new Response('Hi', { headers })
        })
        const cookies = (await visit(server, browser)).headers.getSetCookie()
        expect(cookies).toEqual([
          'theme=dark; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT',
          'lang=de; Path=/',
          'seen=1; Path=/',
          expect.stringMatching(/^__Host-Http-sid=/),
        ])
      })

      test('may be immutable: a redirect carries the cookie', async () => {
        const { browser, room, server } = open((session) => {
          session.login('ann')
          return Response.redirect('https://shop.test/welcome', 303)
        })
        const response = await visit(server, browser)
        expect(response.status).toBe(303)
        expect(response.headers.get('Location')).toBe('https://shop.test/welcome')
        expect(await isKept(room, browser)).toBe(true)
      })

      test('that is made once for everybody never carries one visitor’s cookie to the other', async () => {
        const elsewhere = Response.redirect('https://shop.test/elsewhere')
        const gone = new Response(null, { status: 204, headers: { 'X-Shared': 'yes' } })
        for (const shared of [elsewhere, gone]) {
          const { browser: ann, server } = open((session) => {
            session.update('views', (views = 0) => views + 1)
            return shared
          })
          const bob = new Browser()
          await visit(server, ann)
          await visit(server, bob)
          expect(ann.value()).not.toBe(bob.value())
          expect(shared.headers.getSetCookie()).toEqual([])
          expect(shared.headers.has('Cache-Control')).toBe(false)
          const again = await visit(server, ann)
          expect(again.headers.getSetCookie()).toHaveLength(sealed ? 1 : 0)
        }
      })

      test('that reports an error of the application commits as any other', async () => {
        for (const status of [400, 404, 422, 500, 503]) {
          const { browser, room, server } = open((session) => {
            session.flash('notice', 'Wrong password.')
            return Response.json({ error: true }, { status })
          })
          const response = await visit(server, browser)
          expect(response.status).toBe(status)
          expect(await isKept(room, browser)).toBe(true)
        }
      })

      test('of HEAD commits and has no body', async () => {
        const { browser, room, server } = open((session, request) => {
          session.set('views', 1)
          return new Response(request.method === 'HEAD' ? null : 'Hi')
        })
        const response = await visit(server, browser, '/', { method: 'HEAD' })
        expect(await response.text()).toBe('')
        expect(await isKept(room, browser)).toBe(true)
      })

      test('RFC9111-4.3.4 with status 304 begins no session and is private', async () => {
        const { browser, room, server } = open((session) => {
          session.set('views', 1)
          return new Response(null, { status: 304, headers: { ETag: '"1"' } })
        })
        const response = await visit(server, browser)
        expect(response.status).toBe(304)
        expect(response.headers.getSetCookie()).toEqual([])
        expect(response.headers.get('Cache-Control')).toBe('private')
        expect(typesOf(room.events)).toEqual(['withheld'])
        expect(room.memory.size).toBe(0)
      })
    })

    describe('a failure', () => {
      test('of the handler commits nothing', async () => {
        const { browser, room, server } = open((session, request) => {
          if (request.method === 'GET') return change(session, request)
          session.set('views', 99)
          session.rotate()
          throw new Error('Out of coat hangers.')
        })
        await visit(server, browser)
        const { cookie } = browser
        room.store.takeCalls()
        await fails(server, browser, { method: 'POST' })
        expect(browser.cookie).toBe(cookie)
        expect(room.store.takeCalls()).toEqual(['get'])
      })

      test('ASVS-16.5.3 of the store at load calls no handler and is no anonymous visit', async () => {
        let calls = 0
        const { browser, room, server } = open((session, request) => {
          calls++
          return change(session, request)
        })
        await visit(server, browser)
        room.store.failWhen(() => 'fails')
        await fails(server, browser)
        expect(calls).toBe(1)
      })

      test('ASVS-16.5.3 of the store at commit sends no cookie of ours', async () => {
        const { browser, room, server } = open((session) => {
          session.login('ann')
          return new Response('Changed')
        })
        room.store.failWhen(() => 'fails')
        await fails(server, browser)
        expect(browser.cookie).toBeNull()
      })
    })

    test('a mere visit is recorded', async () => {
      const { browser, room, server } = open(read)
      await room.visit(browser, (session) => session.login('ann'))
      room.wait(20 * 60 * minute)
      await visit(server, browser)
      expect(typesOf(room.events).at(-1)).toBe('touched')
    })
  })
}

/** What an adapter for a runtime with `waitUntil` must do. */
export function testWaitUntil(adapter: string, mount: Mount): void {
  const open = opener(mount, inStore)
  test(`${adapter} takes the record of a mere visit off the response by waitUntil`, async () => {
    const disk = Promise.withResolvers<void>()
    let slow = false
    const { browser, room, server } = open(read, (memory) => ({
      ...memory,
      async compareAndSet(...write) {
        if (slow) await disk.promise
        return memory.compareAndSet(...write)
      },
    }))
    await room.visit(browser, (session) => session.login('ann'))
    room.wait(20 * 60 * minute)
    slow = true
    const waiting: Promise<unknown>[] = []
    const context = new (class {
      readonly #waiting = waiting
      waitUntil(promise: Promise<unknown>): void {
        this.#waiting.push(promise)
      }
    })()
    const response = await server(browser.request(), context)
    expect(await response.text()).toBe('ann')
    expect(waiting).toHaveLength(1)
    disk.resolve()
    await Promise.all(waiting)
    expect(typesOf(room.events).at(-1)).toBe('touched')
  })
}

/** The memory store behind a room, or what stands in for it. */
type Shelf = Cloakroom<Goods>['memory']

type Room = Pick<Cloakroom<Goods>, 'events' | 'memory' | 'sessions' | 'store' | 'visit' | 'wait'>

/** Where the sessions of the visits are kept. */
export interface Keeping {
  /** Whether in the cookie itself, which each change then sets anew. */
  readonly sealed: boolean
  open(wrap?: (memory: Shelf) => Shelf): Room
  /** Whether the browser’s cookie leads to a session that is kept, in a store to the only one. */
  isKept(room: Room, browser: Browser): Promise<boolean>
}

/** In a store. */
const inStore: Keeping = {
  sealed: false,
  open(wrap) {
    const plain = openCloakroom()
    return wrap === undefined ? plain : plain.reopen({ store: wrap(plain.memory) })
  },
  async isKept(room, browser) {
    const id = idOf(browser)
    const others = (await room.store.liveIds()).filter((other) => other !== id)
    expect(others).toEqual([])
    const stored = await room.memory.get(id)
    return stored !== null && 'data' in JSON.parse(stored.payload)
  },
}

/** In the cookie, with a store for what has ended. */
export const inCookie: Keeping = {
  sealed: true,
  open: (wrap) => (wrap === undefined ? openSealed() : openSealedOver(wrap)),
  isKept: async (room, browser) => !(await room.sessions.load(browser.request())).isNew,
}

interface Opened {
  readonly browser: Browser
  readonly room: Room
  readonly server: Server
}

/** Opens a cloakroom with one visitor before it, behind an adapter. */
function opener(mount: Mount, keeping: Keeping) {
  return (handler: Handler, wrap?: (memory: Shelf) => Shelf): Opened => {
    const room = keeping.open(wrap)
    return { browser: new Browser(), room, server: mount(room.sessions, handler) }
  }
}

const cacheable = {
  'Cache-Control': 'public, max-age=60, s-maxage=600',
  Expires: 'Thu, 01 Jan 2099 00:00:00 GMT',
  'CDN-Cache-Control': 'max-age=600',
  'Surrogate-Control': 'max-age=600',
  Vary: 'Accept-Encoding',
}

const change: Handler = (session) => {
  session.set('views', 1)
  return new Response('Changed')
}

const read: Handler = (session) => new Response(session.userId ?? 'nobody')

const ignore: Handler = () => new Response('Ignored')

/** Expects an error: a status of 500, or a rejection where the adapter leaves errors to its runtime. */
async function fails(server: Server, browser: Browser, init?: RequestInit): Promise<void> {
  const response = await visit(server, browser, '/', init).catch(() => new Response(null, { status: 500 }))
  expect(response.status).toBe(500)
  expect(response.headers.getSetCookie()).toEqual([])
}
