import { createSessionManager } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, secret } from '../../../../test/support/cloakroom.ts'
import { testVisits, testWaitUntil, type Mount } from '../../../../test/support/visits.ts'
import { withSession, type FetchContext } from './fetch.ts'

/** As a Workers runtime calls it. */
type Fetch<Env = object> = (request: Request, env: Env, context: FetchContext) => Promise<Response>

const context: FetchContext = { waitUntil() {} }

const mount: Mount = (sessions, handler) => {
  const fetch: Fetch = withSession(sessions, (request, session) => handler(session, request))
  return (request, given = context) => fetch(request, {}, given)
}

testVisits('withSession', mount)
testWaitUntil('withSession', mount)

testVisits('withSession without bindings and context', (sessions, handler) => {
  // As Deno.serve and Bun.serve call it.
  const fetch = withSession(sessions, (request, session) => handler(session, request))
  return (request) => fetch(request)
})

test('an untouched session gives the very same Response', async () => {
  const { sessions } = openCloakroom()
  const untouched = new Response('Hi')
  const fetch: Fetch = withSession(sessions, () => untouched)
  expect(await fetch(new Browser().request(), {}, context)).toBe(untouched)
})

test('the handler is given whatever else the runtime passes on', async () => {
  const { sessions } = openCloakroom()
  const env = { NAME: 'shop' }
  const given: unknown[] = []
  const fetch: Fetch<typeof env> = withSession(
    sessions,
    (_request, _session, ...rest: [typeof env, FetchContext]) => {
      given.push(...rest)
      return new Response('Hi')
    },
  )
  await fetch(new Browser().request(), env, context)
  expect(given).toEqual([env, context])
  expect(given[0]).toBe(env)
})

test('a handler gives nothing back where its runtime has taken the connection over, and its changes are written', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const fetch = withSession(room.sessions, (_, session) => {
    session.set('views', 1)
    return undefined
  })
  expect(await fetch(browser.request())).toBeUndefined()
  expect((await room.visit(browser, (session) => session.get('views'))).value).toBe(1)
})

test('an error of the handler is passed on as it is', async () => {
  const { sessions } = openCloakroom()
  const failure = new Error('Out of coat hangers.')
  const fetch: Fetch = withSession(sessions, () => Promise.reject(failure))
  await expect(fetch(new Browser().request(), {}, context)).rejects.toBe(failure)
})

test('a store that fails rejects with its code', async () => {
  const { sessions, store } = openCloakroom()
  const fetch: Fetch = withSession(sessions, (_, session) => {
    session.set('views', 1)
    return new Response('Hi')
  })
  store.failWhen(() => 'fails')
  await expect(fetch(new Browser().request(), {}, context)).rejects.toMatchObject({
    code: 'ERR_SESSION_STORE',
  })
})

describe('a manager made from the bindings', () => {
  test('is made once for each env', async () => {
    interface Env {
      readonly SECRET: string
    }
    const made: Env[] = []
    const fetch: Fetch<Env> = withSession(
      (env: Env) => {
        made.push(env)
        return createSessionManager({ secrets: [env.SECRET], store: memoryStore() })
      },
      () => new Response('Hi'),
    )
    const [one, two] = [{ SECRET: secret }, { SECRET: secret }]
    for (const env of [one, one, two, one, two]) {
      await fetch(new Browser().request(), env, context)
    }
    expect(made).toEqual([one, two])
  })

  test('that cannot be made is an error of each request', async () => {
    const fetch: Fetch = withSession(
      (env: { SECRET?: string }) =>
        createSessionManager({ secrets: [env.SECRET ?? ''], store: memoryStore() }),
      () => new Response('Hi'),
    )
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(fetch(new Browser().request(), {}, context)).rejects.toMatchObject({
        code: 'ERR_SESSION_CONFIG',
      })
    }
  })
})

describe('mounted twice', () => {
  test('with one manager is an error that says so', async () => {
    const { sessions } = openCloakroom()
    const inner: Fetch = withSession(sessions, () => new Response('Hi'))
    const outer: Fetch = withSession(sessions, (request, _session, env, inside) =>
      inner(request, env, inside),
    )
    await expect(outer(new Browser().request(), {}, context)).rejects.toThrow(/mounted twice/)
  })

  test('with two managers serves both', async () => {
    const [one, two] = [openCloakroom(), openCloakroom({ cookie: { name: '__Host-Http-admin' } })]
    const inner: Fetch = withSession(one.sessions, (_, session) => {
      session.set('views', 1)
      return new Response('Hi')
    })
    const outer: Fetch = withSession(two.sessions, (request, session, env, inside) => {
      session.set('theme', 'dark')
      return inner(request, env, inside)
    })
    const browser = new Browser()
    const response = browser.receive(await outer(browser.request(), {}, context))
    expect(response.headers.getSetCookie()).toHaveLength(2)
    expect((await one.visit(browser, (session) => session.get('views'))).value).toBe(1)
    expect((await two.visit(browser, (session) => session.get('theme'))).value).toBe('dark')
  })

  test('is not what a second call with the same request is, after the first has answered', async () => {
    const { sessions } = openCloakroom()
    const fetch: Fetch = withSession(sessions, () => new Response('Hi'))
    const request = new Browser().request()
    await fetch(request, {}, context)
    expect((await fetch(request, {}, context)).status).toBe(200)
  })
})
