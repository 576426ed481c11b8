import dropIn from '@coatcheck/adapters/express-session'
import { session } from '@coatcheck/adapters/express'
import type { Session, SessionManager } from '@coatcheck/core'
import cookieSession from 'cookie-session'
import express, { type Request, type RequestHandler, type Response } from 'express'
import expressSession from 'express-session'
import { largeGoods, smallGoods, type Goods } from '../scenarios.ts'
import { coatcheckRoutes, coatcheckSessions } from './coatcheck.ts'
import { limitRoutes, limitSessions, type Head } from './limit.ts'
import { after, bareRoutes, secret, type App, type Routes, type Subject, type Text } from './subject.ts'

/** `req.session` of express-session and what is like it. */
interface PlainSession {
  views?: number
  user?: string
  regenerate(callback: (error?: unknown) => void): void
  [key: string]: unknown
}

/** What express-session and the drop-in make a middleware of. */
type MakeMiddleware = (options: {
  secret: string
  resave: boolean
  saveUninitialized: boolean
  store?: never
}) => unknown

/** An application of Express. */
export function expressApp(routes: Routes<Request>, ...middleware: unknown[]): App {
  const app = express()
  for (const each of middleware) app.use(each as RequestHandler)
  const answer = (route: (req: Request) => Text) => (req: Request, res: Response) => {
    const sent = after(route(req), (text) => void res.type('text').send(text))
    return sent
  }
  app.get('/none', (_req, res) => void res.type('text').send('none'))
  app.get(
    '/new',
    answer((req) => routes.fill(req, smallGoods)),
  )
  app.get(
    '/new-large',
    answer((req) => routes.fill(req, largeGoods)),
  )
  app.get('/read', answer(routes.read))
  app.get('/write', answer(routes.write))
  app.get('/login', answer(routes.login))
  return { listener: app }
}

/** The native adapter over a manager. */
export function nativeApp(sessions: SessionManager<Goods>): App {
  const routes = coatcheckRoutes<Request>((req) => req.session as unknown as Session<Goods>)
  return expressApp(routes, session(sessions))
}

/** express-session, or what takes its place, as both READMEs recommend it. @param store (default: its MemoryStore). */
export function expressSessionApp(make: MakeMiddleware, store?: unknown): App {
  const options = { secret, resave: false, saveUninitialized: false }
  const sessionOf = (req: Request): PlainSession => req.session as unknown as PlainSession
  const routes = plainRoutes(sessionOf, (req) => regenerated(req, sessionOf))
  return expressApp(routes, make(store === undefined ? options : { ...options, store: store as never }))
}

/** The drop-in. */
export function dropInApp(store?: unknown): App {
  return expressSessionApp(dropIn, store)
}

/** express-session. */
export function peerApp(store?: unknown): App {
  return expressSessionApp(expressSession, store)
}

/** Hand-written, by a cookie header and `setHeader`. */
export const expressHead: Head<Request> = {
  cookie: (req) => req.headers.cookie,
  setCookie: (req, field) => void req.res!.setHeader('set-cookie', field),
}

function cookieSessionApp(): App {
  const sessionOf = (req: Request): PlainSession => req.session as unknown as PlainSession
  const routes = plainRoutes(sessionOf, (req) => {
    sessionOf(req).user = 'ada'
    return 'in'
  })
  return expressApp(routes, cookieSession({ name: 'session', keys: [secret] }))
}

function plainRoutes(
  sessionOf: (req: Request) => PlainSession,
  login: (req: Request) => Text,
): Routes<Request> {
  return {
    fill(req, goods) {
      Object.assign(sessionOf(req), goods)
      return 'new'
    },
    read: (req) => `${sessionOf(req).views ?? 'none'}`,
    write(req) {
      const opened = sessionOf(req)
      opened.views = (opened.views ?? 0) + 1
      return `${opened.views}`
    },
    login,
  }
}

/** What Passport does with `keepSessionInfo`: another id, and what was in the session is put into the new one. */
function regenerated(req: Request, sessionOf: (req: Request) => PlainSession): Promise<string> {
  const { cookie: _, ...kept } = sessionOf(req)
  return new Promise((resolve, reject) => {
    sessionOf(req).regenerate((error) => {
      if (error !== undefined && error !== null) return reject(error)
      Object.assign(sessionOf(req), kept, { user: 'ada' })
      resolve('in')
    })
  })
}

const limitApp = (cached: boolean): App => expressApp(limitRoutes(limitSessions(cached), expressHead))
const common = { host: 'express', packages: [], signs: true, keeps: 'memory' } as const

/** Everything on Express 5 over memory or in the cookie. */
export const expressSubjects: readonly Subject[] = [
  {
    ...common,
    role: 'floor',
    name: 'Express, bare',
    packages: ['express'],
    keeps: 'nothing',
    open: () => expressApp(bareRoutes),
  },
  { ...common, role: 'limit', name: 'limit: HMAC', open: () => limitApp(false) },
  { ...common, role: 'limit', name: 'limit: verified cache', open: () => limitApp(true) },
  { ...common, role: 'coatcheck', name: 'coatcheck', open: () => nativeApp(coatcheckSessions()) },
  { ...common, role: 'coatcheck', name: 'coatcheck drop-in', open: () => dropInApp() },
  { ...common, role: 'peer', name: 'express-session', packages: ['express-session'], open: () => peerApp() },
  {
    ...common,
    role: 'peer',
    name: 'cookie-session',
    packages: ['cookie-session'],
    keeps: 'cookie',
    open: cookieSessionApp,
  },
]
