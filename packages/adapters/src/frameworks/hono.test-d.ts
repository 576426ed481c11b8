import type { Session, SessionManager } from '@coatcheck/core'
import { Hono } from 'hono'
import { expectTypeOf, test } from 'vitest'
import { lazySession, session } from './hono.ts'

interface Goods {
  views: number
  cart: string[]
}

interface Env {
  readonly SECRET: string
}

declare const sessions: SessionManager<Goods>
declare const sessionsOf: (env: Env) => SessionManager<Goods>

test('c.var.session has the type of its data, without a cast', () => {
  new Hono().use(session(sessions)).get('/', (c) => {
    expectTypeOf(c.var.session).toEqualTypeOf<Session<Goods>>()
    expectTypeOf(c.var.session.get('views')).toEqualTypeOf<number | undefined>()
    expectTypeOf(c.get('session')).toEqualTypeOf<Session<Goods>>()
    // @ts-expect-error no such key
    c.var.session.get('hat')
    // @ts-expect-error views is a number
    c.var.session.set('views', 'many')
    return c.text('Hi')
  })
})

test('c.var.session of a lazy session is a function that loads it', () => {
  new Hono().use(lazySession(sessions)).get('/', async (c) => {
    expectTypeOf(c.var.session).toEqualTypeOf<() => Promise<Session<Goods>>>()
    expectTypeOf((await c.var.session()).get('cart')).toEqualTypeOf<string[] | undefined>()
    // @ts-expect-error it must be called first
    c.var.session.get('cart')
    return c.text('Hi')
  })
})

test('the bindings of the application stay typed', () => {
  new Hono<{ Bindings: Env }>().use(session(sessionsOf)).get('/', (c) => {
    expectTypeOf(c.env.SECRET).toEqualTypeOf<string>()
    expectTypeOf(c.var.session).toEqualTypeOf<Session<Goods>>()
    return c.text('Hi')
  })
  new Hono<{ Bindings: Env }>().use(session(sessions)).get('/', (c) => {
    expectTypeOf(c.env.SECRET).toEqualTypeOf<string>()
    return c.text('Hi')
  })
})

test('the bindings come from the function where the application names none', () => {
  new Hono().use(session(sessionsOf)).get('/', (c) => {
    expectTypeOf(c.env.SECRET).toEqualTypeOf<string>()
    return c.text('Hi')
  })
})

test('other variables stay typed', () => {
  new Hono<{ Variables: { user: { name: string } } }>().use(session(sessions)).get('/', (c) => {
    expectTypeOf(c.var.user.name).toEqualTypeOf<string>()
    expectTypeOf(c.var.session).toEqualTypeOf<Session<Goods>>()
    return c.text('Hi')
  })
})

test('a part of the application can have it to itself', () => {
  const part = new Hono().use('*', session(sessions)).get('/', (c) => c.text(`${c.var.session.get('views')}`))
  new Hono().route('/part', part)
})

test('it is no manager, and no promise of one', () => {
  // @ts-expect-error a function that gives a promise
  session(async (env: Env) => sessionsOf(env))
  // @ts-expect-error options are for createSessionManager
  session({ secrets: ['a secret'] })
})
