import { createSessionManager } from '@coatcheck/core'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { startRedis } from '../../../../test/support/redis-server.ts'
import { redisStore } from './redis.ts'

const server = await startRedis()
const clients = [1, 2, 3].map(() => new Redis(server.url))

afterAll(async () => {
  await Promise.all(clients.map((client) => client.quit()))
  await server[Symbol.asyncDispose]()
})

test.for([
  { onLimit: 'reject', cluster: false },
  { onLimit: 'reject', cluster: true },
  { onLimit: 'evict-oldest', cluster: false },
  { onLimit: 'evict-oldest', cluster: true },
] as const)('ASVS-7.1.2 parallel logins over several connections keep to the limit: %j', async (options) => {
  const { cluster, onLimit } = options
  const stores = clients.map((client) => redisStore(client, { cluster, prefix: `${onLimit}${cluster}:` }))
  const servers = stores.map((store) =>
    createSessionManager({
      secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'],
      store,
      maxSessions: { limit: 3, onLimit },
    }),
  )
  for (let round = 0; round < 20; round++) {
    const user = `ann-${round}`
    const logins = Array.from({ length: 6 }, (_, at) =>
      servers[at % 3]!.handle(new Request('https://shop.test/'), (session) => {
        session.login(user)
        return new Response()
      }),
    )
    const outcomes = await Promise.allSettled(logins)
    const refused = outcomes.filter(({ status }) => status === 'rejected').length
    expect([refused, (await stores[0]!.listByUser(user)).size]).toEqual([onLimit === 'reject' ? 3 : 0, 3])
  }
})
