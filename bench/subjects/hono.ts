import { session } from '@coatcheck/adapters/hono'
import type { Session, SessionManager } from '@coatcheck/core'
import type { Context } from 'hono'
import { MemoryStore } from 'hono-sessions'
import type { Goods } from '../scenarios.ts'
import { coatcheckCookieSessions, coatcheckRoutes, coatcheckSessions } from './coatcheck.ts'
import { honoApp } from './hono-app.ts'
import { honoSessionApp, honoSessionsApp, ironApp, mapStorage, remixApp } from './hono-peers.ts'
import { limitRoutes, limitSessions, type LimitSessions } from './limit.ts'
import { bareRoutes, secret, type App, type Subject } from './subject.ts'

/** The adapter for Hono over a manager. */
export function coatcheckApp(sessions: SessionManager<Goods>): App {
  const routes = coatcheckRoutes<Context>((c) => c.get('session') as Session<Goods>)
  return honoApp(routes, session(sessions))
}

function limitApp(sessions: LimitSessions): App {
  // Before there is a response: on @hono/node-server, a header that is added later costs five times as much.
  const head = {
    cookie: (c: Context) => c.req.raw.headers.get('cookie'),
    setCookie: (c: Context, field: string) => c.header('set-cookie', field),
  }
  return honoApp(limitRoutes(sessions, head))
}

const host = 'hono'
const none = { packages: [], signs: true } as const

/** Everything on Hono over memory or in the cookie. */
export const honoSubjects: readonly Subject[] = [
  {
    host,
    role: 'floor',
    name: 'Hono, bare',
    ...none,
    packages: ['hono', '@hono/node-server'],
    keeps: 'nothing',
    open: () => honoApp(bareRoutes),
  },
  {
    host,
    role: 'limit',
    name: 'limit: HMAC',
    ...none,
    keeps: 'memory',
    open: () => limitApp(limitSessions(false)),
  },
  {
    host,
    role: 'limit',
    name: 'limit: verified cache',
    ...none,
    keeps: 'memory',
    open: () => limitApp(limitSessions(true)),
  },
  {
    host,
    role: 'coatcheck',
    name: 'coatcheck',
    ...none,
    keeps: 'memory',
    open: () => coatcheckApp(coatcheckSessions()),
  },
  {
    host,
    role: 'coatcheck',
    name: 'coatcheck (cookie)',
    ...none,
    keeps: 'cookie',
    open: () => coatcheckApp(coatcheckCookieSessions()),
  },
  {
    host,
    role: 'peer',
    name: 'hono-sessions (unsigned)',
    packages: ['hono-sessions'],
    signs: false,
    keeps: 'memory',
    open: () => honoSessionsApp(new MemoryStore()),
  },
  {
    host,
    role: 'peer',
    name: 'hono-sessions (sealed id)',
    packages: ['hono-sessions'],
    signs: true,
    keeps: 'memory',
    open: () => honoSessionsApp(new MemoryStore(), secret),
  },
  {
    host,
    role: 'peer',
    name: '@remix-run/session',
    packages: ['@remix-run/session', '@remix-run/cookie'],
    signs: true,
    keeps: 'memory',
    open: remixApp,
  },
  {
    host,
    role: 'peer',
    name: '@hono/session (Map)',
    packages: ['@hono/session'],
    signs: true,
    keeps: 'memory',
    open: () => honoSessionApp(mapStorage()),
  },
  {
    host,
    role: 'peer',
    name: '@hono/session (cookie)',
    packages: ['@hono/session'],
    signs: true,
    keeps: 'cookie',
    open: () => honoSessionApp(),
  },
  {
    host,
    role: 'peer',
    name: 'iron-session',
    packages: ['iron-session'],
    signs: true,
    keeps: 'cookie',
    open: ironApp,
  },
]
