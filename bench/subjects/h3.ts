import { H3, useSession, type H3Event } from 'h3'
import { toNodeHandler } from 'h3/node'
import { largeGoods, smallGoods, type Goods } from '../scenarios.ts'
import { after, bareRoutes, secret, type App, type Routes, type Subject, type Text } from './subject.ts'

function h3App(routes: Routes<H3Event>): App {
  const app = new H3()
  const answer = (route: (event: H3Event) => Text) => (event: H3Event) => after(route(event), (text) => text)
  app.get('/none', () => 'none')
  app.get(
    '/new',
    answer((event) => routes.fill(event, smallGoods)),
  )
  app.get(
    '/new-large',
    answer((event) => routes.fill(event, largeGoods)),
  )
  app.get('/read', answer(routes.read))
  app.get('/write', answer(routes.write))
  app.get('/login', answer(routes.login))
  return {
    fetch: (request) => app.fetch(request),
    listener: toNodeHandler(app),
  }
}

function sessionApp(): App {
  const sessionOf = (event: H3Event) =>
    useSession<Partial<Goods>>(event, { password: secret, cookie: { secure: false } })
  return h3App({
    async fill(event, goods) {
      const session = await sessionOf(event)
      await session.update(goods)
      return 'new'
    },
    read: async (event) => `${(await sessionOf(event)).data.views ?? 'none'}`,
    async write(event) {
      const session = await sessionOf(event)
      const views = (session.data.views ?? 0) + 1
      await session.update({ views })
      return `${views}`
    },
    async login(event) {
      const session = await sessionOf(event)
      await session.update({ user: 'ada' })
      return 'in'
    },
  })
}

const common = { host: 'h3', signs: true } as const

/** h3 with its own sessions. */
export const h3Subjects: readonly Subject[] = [
  {
    ...common,
    role: 'floor',
    name: 'h3, bare',
    packages: ['h3'],
    keeps: 'nothing',
    open: () => h3App(bareRoutes),
  },
  { ...common, role: 'peer', name: 'h3 useSession', packages: ['h3'], keeps: 'cookie', open: sessionApp },
]
