import type { Session, SessionManager } from '@coatcheck/core'
import { createCsrf, type Csrf, type CsrfSession } from '@coatcheck/core/csrf'
import { Hono } from 'hono'
import { expectTypeOf, test } from 'vitest'
import { csrf } from './csrf-hono.ts'
import { lazySession, session } from './hono.ts'

interface Goods {
  views: number
}

declare const sessions: SessionManager<Goods>
declare const protection: Csrf
declare const loaded: Session<Goods>

test('behind it, the session keeps its type', () => {
  new Hono()
    .use(session(sessions))
    .use(csrf())
    .get('/', async (c) => {
      expectTypeOf(c.var.session).toEqualTypeOf<Session<Goods>>()
      return c.text(await protection.token(c.var.session))
    })
  new Hono().use(session(sessions), csrf(protection)).get('/', (c) => c.text(`${c.var.session.get('views')}`))
  new Hono().use(lazySession(sessions)).use(csrf({ origin: 'https://shop.test' }))
})

test('a session of any data will do', () => {
  expectTypeOf(loaded).toExtend<CsrfSession>()
  expectTypeOf<Session>().toExtend<CsrfSession>()
  void protection.token(loaded)
  void protection.check(new Request('https://shop.test/'), async () => loaded)
  // @ts-expect-error an id is not what a token is bound to
  void protection.token({ id: loaded.id })
})

test('modes with tokens need secrets', () => {
  createCsrf({ mode: 'fetch-metadata' })
  createCsrf({ mode: 'token', secrets: ['a secret'] })
  // @ts-expect-error a token is signed
  createCsrf({ mode: 'token' })
  // @ts-expect-error a token is signed
  csrf({ mode: 'both' })
  // @ts-expect-error there is no such mode
  createCsrf({ mode: 'double-submit', secrets: ['a secret'] })
})
