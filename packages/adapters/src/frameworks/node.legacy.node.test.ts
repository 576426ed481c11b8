import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, type Goods } from '../../../../test/support/cloakroom.ts'
import { nodeServer } from '../../../../test/support/node-server.ts'
import { visit } from '../../../../test/support/visits.ts'
import type { LegacySessions } from './legacy-sessions.ts'
import { withSession } from './node.ts'

test('an old session that cannot be ended is not taken over: no two sessions live from it', async () => {
  const { sessions } = openCloakroom()
  let isDown = true
  let ended = 0
  const legacy: LegacySessions<Goods> = {
    find: () => ({
      removeCookie: 'connect.sid=; Path=/',
      read: async () => (ended > 0 ? null : { data: { views: 1 }, userId: null }),
      async end() {
        if (isDown) throw new Error('The old store is down.')
        ended++
      },
    }),
  }
  const server = nodeServer(
    withSession(sessions, (_req, res, session) => void res.end(`Visit ${session.get('views')}`), {
      legacy,
      onError: (_error, _req, res) => void res.end('Sorry'),
    }),
  )
  const browser = new Browser()
  const failed = await visit(server, browser)
  expect([failed.status, await failed.text()]).toEqual([500, 'Sorry'])
  expect(failed.headers.getSetCookie()).toEqual([])
  isDown = false
  const response = await visit(server, browser)
  expect(await response.text()).toBe('Visit 1')
  expect(response.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^__Host-Http-sid=./),
    'connect.sid=; Path=/',
  ])
  expect(ended).toBe(1)
})

test('an old cookie to which nothing is kept any more stays, and ends nothing', async () => {
  const { sessions } = openCloakroom()
  const legacy: LegacySessions<Goods> = {
    find: () => ({ removeCookie: 'connect.sid=; Path=/', read: async () => null, end: expect.unreachable }),
  }
  const answer = withSession(
    sessions,
    (_req, res, session) => {
      session.set('views', 1)
      res.end('New')
    },
    { legacy },
  )
  const response = await visit(nodeServer(answer), new Browser())
  expect(await response.text()).toBe('New')
  expect(response.headers.getSetCookie()).toEqual([expect.stringMatching(/^__Host-Http-sid=./)])
})
