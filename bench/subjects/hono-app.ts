import { Hono, type Context, type MiddlewareHandler } from 'hono'
import { largeGoods, smallGoods } from '../scenarios.ts'
import { after, type App, type Routes, type Text } from './subject.ts'

/** An application of Hono. */
export function honoApp(routes: Routes<Context>, ...middleware: MiddlewareHandler[]): App {
  const app = new Hono()
  for (const each of middleware) app.use(each)
  const answer = (route: (c: Context) => Text) => (c: Context) => after(route(c), (text) => c.text(text))
  app.get('/none', (c) => c.text('none'))
  app.get(
    '/new',
    answer((c) => routes.fill(c, smallGoods)),
  )
  app.get(
    '/new-large',
    answer((c) => routes.fill(c, largeGoods)),
  )
  app.get('/read', answer(routes.read))
  app.get('/write', answer(routes.write))
  app.get('/login', answer(routes.login))
  return { fetch: (request, bindings) => app.fetch(request, bindings) }
}
