import { toExpressStore } from '@coatcheck/adapters/express-store'
import { redisStore } from '@coatcheck/adapters/redis'
import type { Storage } from '@hono/session'
import { RedisStore } from 'connect-redis'
import type { SessionData, Store } from 'hono-sessions'
import { createClient } from 'redis'
import type { Goods } from '../scenarios.ts'
import { coatcheckSessions } from './coatcheck.ts'
import { dropInApp, expressApp, expressHead, nativeApp, peerApp } from './express.ts'
import { fastifyApp, fastifySessionApp } from './fastify.ts'
import { honoApp } from './hono-app.ts'
import { honoSessionApp, honoSessionsApp } from './hono-peers.ts'
import { coatcheckApp } from './hono.ts'
import { limitSessions } from './limit.ts'
import { bareRoutes, type App, type Subject } from './subject.ts'

const day = 86_400

/** The server that the bench has started. */
async function connect() {
  const url = process.env['BENCH_REDIS']
  if (url === undefined) throw new Error('BENCH_REDIS is to hold the URL of a Redis.')
  return createClient({ url }).on('error', console.error).connect()
}

/** GET; SET if something has changed. */
async function limitApp(): Promise<App> {
  const redis = await connect()
  const sessions = limitSessions(false)
  const keyOf = (id: string): string => `limit:${id}`
  const keep = (id: string, goods: object): Promise<unknown> =>
    redis.set(keyOf(id), JSON.stringify(goods), { expiration: { type: 'EX', value: day } })
  return expressApp({
    async fill(req, goods) {
      expressHead.setCookie(req, await created(goods))
      return 'new'
    },
    async read(req) {
      const id = await sessions.find(req.headers.cookie)
      const text = id === null ? null : await redis.get(keyOf(id))
      return text === null ? 'none' : `${(JSON.parse(text) as Goods).views}`
    },
    async write(req) {
      const id = await sessions.find(req.headers.cookie)
      const text = id === null ? null : await redis.get(keyOf(id))
      if (id === null || text === null) return 'none'
      const goods = JSON.parse(text) as { views: number }
      goods.views++
      await keep(id, goods)
      return `${goods.views}`
    },
    async login(req) {
      const id = await sessions.find(req.headers.cookie)
      const text = id === null ? null : await redis.get(keyOf(id))
      if (id === null || text === null) return 'none'
      const [field] = await Promise.all([created({ ...JSON.parse(text), user: 'ada' }), redis.del(keyOf(id))])
      expressHead.setCookie(req, field)
      return 'in'
    },
  })

  async function created(goods: object): Promise<string> {
    const field = await sessions.create('')
    await keep(field.slice('sid='.length, 'sid='.length + 43), goods)
    sessions.texts.clear()
    return field
  }
}

async function honoSessionStorage(): Promise<Storage<Goods>> {
  const redis = await connect()
  return {
    async get(sid) {
      const text = await redis.get(`hono:${sid}`)
      return text === null ? null : (JSON.parse(text) as Goods)
    },
    // It does not wait for these.
    set: (sid, goods) =>
      void redis.set(`hono:${sid}`, JSON.stringify(goods), { expiration: { type: 'EX', value: day } }),
    delete: (sid) => void redis.del(`hono:${sid}`),
  }
}

async function honoSessionsStore(): Promise<Store> {
  const redis = await connect()
  const put = async (sid: string, data: SessionData): Promise<void> => {
    await redis.set(`sessions:${sid}`, JSON.stringify(data), { expiration: { type: 'EX', value: day } })
  }
  return {
    async getSessionById(sid) {
      const text = await redis.get(`sessions:${sid}`)
      return text === null ? null : (JSON.parse(text) as SessionData)
    },
    createSession: put,
    persistSessionData: put,
    async deleteSession(sid) {
      await redis.del(`sessions:${sid}`)
    },
  }
}

const connectRedis = async (): Promise<RedisStore> => new RedisStore({ client: await connect() })
const ownStore = async () => redisStore(await connect())
const common = { packages: [], signs: true, keeps: 'redis' } as const
const onExpress = { ...common, host: 'express' } as const
const onHono = { ...common, host: 'hono' } as const
const onFastify = { ...common, host: 'fastify' } as const

/** Everything over Redis, with the floors of its hosts. */
export const redisSubjects: readonly Subject[] = [
  {
    ...onExpress,
    role: 'floor',
    name: 'Express, bare',
    keeps: 'nothing',
    open: () => expressApp(bareRoutes),
  },
  { ...onExpress, role: 'limit', name: 'limit: HMAC, GET and SET', open: limitApp },
  {
    ...onExpress,
    role: 'coatcheck',
    name: 'coatcheck',
    open: async () => nativeApp(coatcheckSessions(await ownStore())),
  },
  {
    ...onExpress,
    role: 'coatcheck',
    name: 'coatcheck drop-in',
    open: async () => dropInApp(toExpressStore(await ownStore())),
  },
  {
    ...onExpress,
    role: 'coatcheck',
    name: 'coatcheck drop-in + connect-redis',
    packages: ['connect-redis'],
    open: async () => dropInApp(await connectRedis()),
  },
  {
    ...onExpress,
    role: 'peer',
    name: 'express-session + connect-redis',
    packages: ['express-session', 'connect-redis', 'redis'],
    open: async () => peerApp(await connectRedis()),
  },
  { ...onHono, role: 'floor', name: 'Hono, bare', keeps: 'nothing', open: () => honoApp(bareRoutes) },
  {
    ...onHono,
    role: 'coatcheck',
    name: 'coatcheck',
    open: async () => coatcheckApp(coatcheckSessions(await ownStore())),
  },
  {
    ...onHono,
    role: 'peer',
    name: '@hono/session',
    packages: ['@hono/session'],
    open: async () => honoSessionApp(await honoSessionStorage()),
  },
  {
    ...onHono,
    role: 'peer',
    name: 'hono-sessions (unsigned)',
    packages: ['hono-sessions'],
    signs: false,
    open: async () => honoSessionsApp(await honoSessionsStore()),
  },
  {
    ...onFastify,
    role: 'floor',
    name: 'Fastify, bare',
    keeps: 'nothing',
    open: () => fastifyApp(bareRoutes),
  },
  {
    ...onFastify,
    role: 'peer',
    name: '@fastify/session + connect-redis',
    packages: ['@fastify/session'],
    open: async () => fastifySessionApp(await connectRedis()),
  },
]
