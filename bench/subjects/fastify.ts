import cookie from '@fastify/cookie'
import session from '@fastify/session'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { largeGoods, smallGoods } from '../scenarios.ts'
import { after, bareRoutes, secret, type App, type Routes, type Subject, type Text } from './subject.ts'

/** An application of Fastify. @param prepare Registers what comes before the routes. */
export async function fastifyApp(
  routes: Routes<FastifyRequest>,
  prepare: (app: FastifyInstance) => void = () => {},
): Promise<App> {
  const app = fastify()
  prepare(app)
  const answer =
    (route: (request: FastifyRequest) => Text) =>
    (request: FastifyRequest, reply: { type(type: string): { send(text: string): unknown } }) =>
      after(route(request), (text) => reply.type('text/plain').send(text))
  app.register(async (inner) => {
    inner.get(
      '/none',
      answer(() => 'none'),
    )
    inner.get(
      '/new',
      answer((request) => routes.fill(request, smallGoods)),
    )
    inner.get(
      '/new-large',
      answer((request) => routes.fill(request, largeGoods)),
    )
    inner.get('/read', answer(routes.read))
    inner.get('/write', answer(routes.write))
    inner.get('/login', answer(routes.login))
  })
  await app.ready()
  return { listener: (req, res) => app.routing(req, res) }
}

/** @fastify/session, which by default saves and sends its cookie with every read: `rolling` is off, as a careful user has it. */
export function fastifySessionApp(store?: object): Promise<App> {
  interface Kept {
    views?: number
    user?: string
    regenerate(): Promise<void>
  }
  const sessionOf = (request: FastifyRequest): Kept => (request as unknown as { session: Kept }).session
  const routes: Routes<FastifyRequest> = {
    fill(request, goods) {
      Object.assign(sessionOf(request), goods)
      return 'new'
    },
    read: (request) => `${sessionOf(request).views ?? 'none'}`,
    write(request) {
      const opened = sessionOf(request)
      opened.views = (opened.views ?? 0) + 1
      return `${opened.views}`
    },
    async login(request) {
      const { views } = sessionOf(request)
      await sessionOf(request).regenerate()
      Object.assign(sessionOf(request), smallGoods, { views, user: 'ada' })
      return 'in'
    },
  }
  const options = { secret, rolling: false, saveUninitialized: false, cookie: { secure: false } }
  return fastifyApp(routes, (app) => {
    app.register(cookie)
    app.register(session, store === undefined ? options : { ...options, store: store as never })
  })
}

const common = { host: 'fastify', packages: [], signs: true } as const

/** Fastify with its own library. */
export const fastifySubjects: readonly Subject[] = [
  {
    ...common,
    role: 'floor',
    name: 'Fastify, bare',
    packages: ['fastify'],
    keeps: 'nothing',
    open: () => fastifyApp(bareRoutes),
  },
  {
    ...common,
    role: 'peer',
    name: '@fastify/session',
    packages: ['@fastify/session', '@fastify/cookie'],
    keeps: 'memory',
    open: () => fastifySessionApp(),
  },
]
