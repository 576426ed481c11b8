import { withSession } from '@coatcheck/adapters/fetch'
import type { Session, SessionManager } from '@coatcheck/core'
import { largeGoods, smallGoods, type Goods } from '../scenarios.ts'
import { coatcheckRoutes, coatcheckSessions } from './coatcheck.ts'
import { limitRoutes, limitSessions, type Head } from './limit.ts'
import { after, bareRoutes, type App, type Routes, type Subject, type Text } from './subject.ts'

/** The route of a URL, by what follows its host. */
function textFor<Context>(routes: Routes<Context>, url: string, context: Context): Text {
  switch (url.slice(url.indexOf('/', 8))) {
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

const plain = { 'content-type': 'text/plain' }

function bareApp(): App {
  return {
    fetch: (request) =>
      after(textFor(bareRoutes, request.url, request), (text) => new Response(text, { headers: plain })),
  }
}

interface LimitVisit {
  readonly request: Request
  setCookie: string | null
}

function limitApp(cached: boolean): App {
  const head: Head<LimitVisit> = {
    cookie: ({ request }) => request.headers.get('cookie'),
    setCookie(visit, field) {
      visit.setCookie = field
    },
  }
  const routes = limitRoutes(limitSessions(cached), head)
  return {
    fetch(request) {
      const visit: LimitVisit = { request, setCookie: null }
      return after(textFor(routes, request.url, visit), (text) => {
        const { setCookie } = visit
        return new Response(text, {
          headers: setCookie === null ? plain : { ...plain, 'set-cookie': setCookie },
        })
      })
    },
  }
}

const coatcheck = coatcheckRoutes<Session<Goods>>((session) => session)

function respond(request: Request, session: Session<Goods>): Response | Promise<Response> {
  return after(textFor(coatcheck, request.url, session), (text) => new Response(text, { headers: plain }))
}

function handleApp(sessions: SessionManager<Goods>): App {
  return { fetch: (request) => sessions.handle(request, (session) => respond(request, session)) }
}

function withSessionApp(sessions: SessionManager<Goods>): App {
  const answer = withSession(sessions, respond)
  return { fetch: (request) => answer(request) }
}

const common = { host: 'fetch', packages: [], signs: true, keeps: 'memory' } as const

/** A handler of `Request` and `Response`, without a framework. */
export const fetchSubjects: readonly Subject[] = [
  {
    ...common,
    role: 'floor',
    name: 'fetch handler, bare',
    keeps: 'nothing',
    packages: ['@hono/node-server'],
    open: bareApp,
  },
  { ...common, role: 'limit', name: 'limit: HMAC', open: () => limitApp(false) },
  { ...common, role: 'limit', name: 'limit: verified cache', open: () => limitApp(true) },
  { ...common, role: 'coatcheck', name: 'coatcheck handle', open: () => handleApp(coatcheckSessions()) },
  {
    ...common,
    role: 'coatcheck',
    name: 'coatcheck withSession',
    open: () => withSessionApp(coatcheckSessions()),
  },
]
