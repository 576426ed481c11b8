import type { SessionManager } from '@coatcheck/core'
import type { LazyHandler } from './adapters.ts'
import { Browser } from './browser.ts'
import { minute, openCloakroom, second, type Goods } from './cloakroom.ts'
import { sharedCache, type CacheProfile } from './shared-cache.ts'
import type { Server } from './visits.ts'

/** What became of one order of requests. */
export interface Outcome {
  /** One sentence for each thing that somebody received and should not have. */
  readonly leaks: readonly string[]
  readonly hits: number
}

/** What an application says in good faith of a page that everybody gets. */
const cacheable = {
  'Cache-Control': 'public, max-age=60, s-maxage=600',
  Expires: 'Thu, 01 Jan 2099 00:00:00 GMT',
  'CDN-Cache-Control': 'max-age=600',
  'Cloudflare-CDN-Cache-Control': 'max-age=600',
  'Vercel-CDN-Cache-Control': 'max-age=600',
  'Netlify-CDN-Cache-Control': 'public, max-age=600',
  'Surrogate-Control': 'max-age=600',
  ETag: '"1"',
}

/** Each page, by its path; what is personal names its visitor. All of them claim that they may be cached. */
const pages: Readonly<Record<string, LazyHandler>> = {
  '/account': async (session) => new Response(await personal(session)),
  '/account.css': async (session) => new Response(await personal(session), { headers: cacheable }),
  '/understood': async (session) =>
    new Response(await personal(session), {
      headers: { 'Cache-Control': 'no-store, must-understand, max-age=60, public' },
    }),
  '/missing.js': async (session) =>
    new Response(await personal(session), { status: 404, headers: cacheable }),
  async '/go'(session) {
    const headers = { ...cacheable, Location: `/for/${await personal(session)}` }
    return new Response(null, { status: 301, headers })
  },
  async '/begin.png'(session) {
    const loaded = await session()
    loaded.update('views', (views = 0) => views + 1)
    return new Response(await personal(session), { headers: cacheable })
  },
  async '/rotate.js'(session) {
    const loaded = await session()
    loaded.rotate()
    return new Response('The same for everybody', { headers: cacheable })
  },
  async '/conditional.css'(session, request) {
    const seen = await personal(session)
    if (request.headers.has('if-none-match')) return new Response(null, { status: 304, headers: cacheable })
    return new Response(seen, { headers: { ...cacheable, 'Cache-Control': 'public, no-cache' } })
  },
  async '/broken'(session) {
    const loaded = await session()
    loaded.set('theme', 'dark')
    throw new Error(`No page for ${await personal(session)}`)
  },
  '/static.css': () => new Response('Static', { headers: cacheable }),
  '/revalidated.js': (_, request) =>
    request.headers.has('if-none-match')
      ? new Response(null, { status: 304, headers: { ETag: '"1"' } })
      : new Response('Static', { headers: { 'Cache-Control': 'public, no-cache', ETag: '"1"' } }),
  async '/login'(session, request) {
    const loaded = await session()
    loaded.login(request.headers.get('x-user')!)
    return new Response(null, { status: 303, headers: { ...cacheable, Location: '/account' } })
  },
  async '/logout'(session) {
    const loaded = await session()
    loaded.destroy()
    return new Response('Goodbye', { headers: cacheable })
  },
}

/** What everybody gets comes more often, or hardly anything would be taken from the cache. */
const paths = [...Object.keys(pages), '/static.css', '/static.css', '/static.css']

/** What only the visitor may read. */
async function personal(session: Parameters<LazyHandler>[0]): Promise<string> {
  const { id, userId } = await session()
  return `private:${userId ?? id ?? 'stranger'}:`
}

/** Plays one random order of the requests of two users through a cache, and looks at what each of them gets. */
export async function playOrder(
  mount: (sessions: SessionManager<Goods>, handler: LazyHandler) => Server,
  profile: CacheProfile,
  random: () => number,
  tamper: (server: Server) => Server = (server) => server,
): Promise<Outcome> {
  const room = openCloakroom({ rotationGrace: '60s' })
  const app = mount(room.sessions, (session, request) =>
    pages[new URL(request.url).pathname]!(session, request),
  )
  const cache = sharedCache(tamper(app), room.now, profile)
  const users = ['ann', 'bob'].map((name) => ({ name, browser: new Browser(), ids: new Set<string>() }))
  /** Whoever got a cookie first is whose it is. */
  const owners = new Map<string, string>()
  const leaks = new Set<string>()
  const pick = <Thing>(things: readonly Thing[]): Thing => things[Math.floor(random() * things.length)]!

  for (let step = 0; step < 8; step++) {
    const { browser, ids, name } = pick(users)
    const path = step < 2 ? pick(['/login', '/begin.png']) : pick(paths)
    const init = {
      method: ['/login', '/logout'].includes(path) ? pick(['GET', 'POST']) : 'GET',
      headers: { 'x-user': name },
    }
    const response = await cache.server(browser.request(path, init))
    for (const field of response.headers.getSetCookie()) {
      if (response.headers.has('age')) leaks.add(`${path}: a cookie out of the cache`)
      // Which reads the same for everybody.
      if (field.includes('Max-Age=0')) continue
      if ((owners.get(field) ?? name) !== name) leaks.add(`${path}: the cookie of another`)
      owners.set(field, name)
    }
    browser.receive(response)
    if (browser.cookie !== null) ids.add(browser.value().split('.')[0]!)
    const text = `${response.headers.get('location') ?? ''} ${response.status === 304 ? '' : await response.text()}`
    const [, whose = 'stranger'] = /private:([^:]*):/.exec(text) ?? []
    if (whose !== 'stranger' && whose !== name && !ids.has(whose)) leaks.add(`${path}: the body of another`)
    room.wait(pick([0, second, minute]))
  }
  return { leaks: [...leaks], hits: cache.hits }
}

/** Random numbers from a seed (mulberry32), from 0 up to 1. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
