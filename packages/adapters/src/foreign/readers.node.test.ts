// Readers beside each other, with one secret for all: what one takes, the others leave.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { useSession, type SessionEnv } from '@hono/session'
import type { ForeignReader } from '@coatcheck/core'
import cookieSession from 'cookie-session'
import express from 'express'
import { H3, useSession as useH3Session, type SessionConfig } from 'h3'
import { Hono } from 'hono'
import { getIronSession } from 'iron-session'
import { getIronSession as getIronSession8 } from 'iron-session8'
import { defaults } from 'iron-webcrypto'
import { createCookieSessionStorage } from 'react-router'
import { expect, test } from 'vitest'
import { goods, headerOf, oldSecret } from '../../../../test/support/foreign-readers.ts'
import { nodeServer } from '../../../../test/support/node-server.ts'
import { fromCookieSession } from './from-cookie-session.ts'
import { fromH3 } from './from-h3.ts'
import { fromHonoSession } from './from-hono-session.ts'
import { fromIronSession } from './from-iron-session.ts'
import { fromReactRouter } from './from-react-router.ts'

const cookieName = 'sid'
const url = 'https://shop.test/'

/** Sites on Node, each with its own server. */
const sites: Readonly<Record<string, () => Promise<Response>>> = {
  'cookie-session': () => {
    const app = express()
    app.use(cookieSession({ name: cookieName, keys: [oldSecret] }))
    app.get('/', (req, res) => {
      Reflect.set(req, 'session', goods)
      res.send('Welcome')
    })
    return nodeServer(app)(new Request(url))
  },
  h3: () => h3({}),
  'h3 1': () => h3({ seal: defaults }),
  '@hono/session': async () => {
    const app = new Hono<SessionEnv>()
    app.use(useSession({ secret: oldSecret }))
    app.get('/', async (c) => {
      await c.var.session.update(goods)
      return c.text('Welcome')
    })
    return app.request(url)
  },
  'iron-session': () => iron(getIronSession),
  'iron-session 8': () => iron(getIronSession8 as typeof getIronSession),
  'react-router': async () => {
    const storage = createCookieSessionStorage({ cookie: { name: cookieName, secrets: [oldSecret] } })
    const session = await storage.getSession()
    for (const [key, value] of Object.entries(goods)) session.set(key, value)
    return new Response(null, { headers: { 'set-cookie': await storage.commitSession(session) } })
  },
}

async function h3(config: Partial<SessionConfig>): Promise<Response> {
  const app = new H3()
  app.get('/', async (event) => {
    await (await useH3Session(event, { name: cookieName, password: oldSecret, ...config })).update(goods)
    return 'Welcome'
  })
  return app.request(url)
}

function iron(open: typeof getIronSession): Promise<Response> {
  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const session = await open<object>(req, res, { cookieName, password: oldSecret })
    Object.assign(session, goods)
    await session.save()
    res.end('Welcome')
  }
  return nodeServer((req, res) => void answer(req, res))(new Request(url))
}

const readers: readonly ForeignReader[] = [
  fromCookieSession({ cookieName, keys: [oldSecret] }),
  fromH3({ cookieName, password: oldSecret }),
  fromHonoSession({ cookieName, secret: oldSecret }),
  fromIronSession({ cookieName, password: oldSecret }),
  fromReactRouter({ cookieName, secrets: [oldSecret] }),
]

test.each(Object.entries(sites))('a session of %s is for its own reader', async (site, visit) => {
  const header = headerOf(await visit())
  for (const reader of readers) {
    const session = await reader.read(header, Date.now())
    if (site.startsWith(reader.library)) expect(session).toMatchObject({ data: goods, userId: null })
    else expect(session).toBeNull()
  }
})
