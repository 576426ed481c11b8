import { useSession, useSessionStorage, type Session as HonoSession, type Storage } from '@hono/session'
import { createCookie } from '@remix-run/cookie'
import type { Session as RemixSession } from '@remix-run/session'
import { createMemorySessionStorage } from '@remix-run/session/memory-storage'
import type { Context, MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { sessionMiddleware, type Session as HonoSessionsSession, type Store } from 'hono-sessions'
import { getIronSession } from 'iron-session'
import type { Goods } from '../scenarios.ts'
import { honoApp } from './hono-app.ts'
import { secret, type App, type Routes } from './subject.ts'

/** Goods that can be changed in place. */
type Open = { -readonly [Key in keyof Goods]?: Goods[Key] }

/** hono-sessions. @param encryptionKey Seals the id in the cookie (default: the id is neither signed nor sealed). */
export function honoSessionsApp(store: Store, encryptionKey?: string): App {
  const sessionOf = (c: Context): HonoSessionsSession<Goods> => c.get('session')
  const routes: Routes<Context> = {
    fill(c, goods) {
      for (const key of Object.keys(goods)) sessionOf(c).set(key, goods[key])
      return 'new'
    },
    read: (c) => `${sessionOf(c).get('views') ?? 'none'}`,
    write(c) {
      const views = Number(sessionOf(c).get('views')) + 1
      sessionOf(c).set('views', views)
      return `${views}`
    },
    login(c) {
      sessionOf(c).set('user', 'ada')
      c.set('session_key_rotation', true)
      return 'in'
    },
  }
  const options = { store, expireAfterSeconds: 86_400, cookieOptions: { httpOnly: true, path: '/' } }
  return honoApp(
    routes,
    sessionMiddleware(encryptionKey === undefined ? options : { ...options, encryptionKey }),
  )
}

/** @hono/session. @param storage Where the data lie (default: in the cookie). */
export function honoSessionApp(storage?: Storage<Goods>): App {
  const sessionOf = (c: Context): HonoSession<Goods> => c.get('session')
  const routes: Routes<Context> = {
    async fill(c, goods) {
      await sessionOf(c).update({ ...goods })
      return 'new'
    },
    read: async (c) => `${(await sessionOf(c).get())?.views ?? 'none'}`,
    async write(c) {
      await sessionOf(c).update((goods) => ({ ...goods, views: (goods?.views ?? 0) + 1 }))
      return `${sessionOf(c).data?.views}`
    },
    async login(c) {
      await sessionOf(c).update((goods) => ({ ...goods, views: goods?.views ?? 0, user: 'ada' }))
      return 'in'
    },
  }
  const own = useSession<Goods>({ secret }) as unknown as MiddlewareHandler
  if (storage === undefined) return honoApp(routes, own)
  return honoApp(routes, useSessionStorage(storage), own)
}

/** @remix-run/session has no middleware for Hono; this is the one of its README. */
export function remixApp(): App {
  const storage = createMemorySessionStorage()
  const cookie = createCookie('sid', { secrets: [secret], httpOnly: true })
  const sessionOf = (c: Context): RemixSession<Goods> => c.get('session')
  const routes: Routes<Context> = {
    fill(c, goods) {
      for (const key of Object.keys(goods)) sessionOf(c).set(key, goods[key])
      return 'new'
    },
    read: (c) => `${sessionOf(c).get('views') ?? 'none'}`,
    write(c) {
      const views = Number(sessionOf(c).get('views')) + 1
      sessionOf(c).set('views', views)
      return `${views}`
    },
    login(c) {
      sessionOf(c).regenerateId(true)
      sessionOf(c).set('user', 'ada')
      return 'in'
    },
  }
  return honoApp(routes, async (c, next) => {
    const opened = await storage.read(await cookie.parse(c.req.header('cookie') ?? null))
    c.set('session', opened)
    await next()
    const value = await storage.save(opened)
    if (value !== null) c.header('set-cookie', await cookie.serialize(value))
  })
}

/** iron-session, by Hono's cookies: what it puts on `c.res` is lost on @hono/node-server. */
export function ironApp(): App {
  const options = { password: secret, cookieName: 'sid', cookieOptions: { secure: false } }
  const sessionOf = (c: Context) => {
    const cookies = {
      get(name: string) {
        const value = getCookie(c, name)
        return value === undefined ? undefined : { name, value }
      },
      set: (name: string, value: string, attributes: object) => setCookie(c, name, value, attributes),
    }
    return getIronSession<Open>(cookies, options)
  }
  return honoApp({
    async fill(c, goods) {
      const opened = await sessionOf(c)
      Object.assign(opened, goods)
      await opened.save()
      return 'new'
    },
    read: async (c) => `${(await sessionOf(c)).views ?? 'none'}`,
    async write(c) {
      const opened = await sessionOf(c)
      opened.views = (opened.views ?? 0) + 1
      await opened.save()
      return `${opened.views}`
    },
    async login(c) {
      const opened = await sessionOf(c)
      opened['user'] = 'ada'
      await opened.save()
      return 'in'
    },
  })
}

/** A plain Map behind the interface of @hono/session. */
export function mapStorage(): Storage<Goods> {
  const texts = new Map<string, string>()
  return {
    get: (sid) => {
      const text = texts.get(sid)
      return text === undefined ? null : (JSON.parse(text) as Goods)
    },
    set: (sid, value) => void texts.set(sid, JSON.stringify(value)),
    delete: (sid) => void texts.delete(sid),
  }
}
