import type { IncomingMessage, ServerResponse } from 'node:http'
import { withSession } from '@coatcheck/adapters/node'
import type { Session, SessionManager } from '@coatcheck/core'
import { largeGoods, smallGoods, type Goods } from '../scenarios.ts'
import { coatcheckRoutes, coatcheckSessions } from './coatcheck.ts'
import { limitRoutes, limitSessions, type Head } from './limit.ts'
import { signByNoble, signByWebCrypto } from './signers.ts'
import { after, bareRoutes, type App, type Routes, type Subject, type Text } from './subject.ts'

/** A request with its response. */
interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

function textFor<Context>(routes: Routes<Context>, url: string, context: Context): Text {
  switch (url) {
    case '/new':
      return routes.fill(context, smallGoods)
    case '/new-large':
      return routes.fill(context, largeGoods)
    case '/read':
      return routes.read(context)
    case '/write':
      return routes.write(context)
    case '/login':
      return routes.login(context)
    default:
      return 'none'
  }
}

function send(res: ServerResponse, text: string): void {
  res.setHeader('content-type', 'text/plain')
  res.end(text)
}

function plainApp(routes: Routes<Exchange>): App {
  return {
    listener(req, res) {
      void after(textFor(routes, req.url ?? '', { req, res }), (text) => send(res, text))
    },
  }
}

const head: Head<Exchange> = {
  cookie: ({ req }) => req.headers.cookie,
  setCookie: ({ res }, field) => void res.setHeader('set-cookie', field),
}

function coatcheckApp(sessions: SessionManager<Goods>): App {
  const routes = coatcheckRoutes<Session<Goods>>((session) => session)
  return {
    listener: withSession(sessions, (req: IncomingMessage, res: ServerResponse, session) =>
      after(textFor(routes, req.url ?? '', session), (text) => send(res, text)),
    ),
  }
}

const common = { host: 'node', packages: [], signs: true, keeps: 'memory' } as const

/** node:http without a framework. */
export const nodeSubjects: readonly Subject[] = [
  { ...common, role: 'floor', name: 'node:http, bare', keeps: 'nothing', open: () => plainApp(bareRoutes) },
  {
    ...common,
    role: 'limit',
    name: 'limit: HMAC',
    open: () => plainApp(limitRoutes(limitSessions(false), head)),
  },
  {
    ...common,
    role: 'limit',
    name: 'limit: HMAC by @noble/hashes',
    packages: ['@noble/hashes'],
    open: () => plainApp(limitRoutes(limitSessions(false, signByNoble), head)),
  },
  {
    ...common,
    role: 'limit',
    name: 'limit: HMAC by WebCrypto',
    open: () => plainApp(limitRoutes(limitSessions(false, signByWebCrypto), head)),
  },
  {
    ...common,
    role: 'limit',
    name: 'limit: verified cache',
    open: () => plainApp(limitRoutes(limitSessions(true), head)),
  },
  {
    ...common,
    role: 'coatcheck',
    name: 'coatcheck withSession',
    open: () => coatcheckApp(coatcheckSessions()),
  },
]
