import type { ServerResponse } from 'node:http'
import type { Session } from '@coatcheck/core'
import express from 'express'
import { expect, test } from 'vitest'
import { openCachedRoom } from '../../../../test/support/cached-room.ts'
import type { Goods } from '../../../../test/support/cloakroom.ts'
import { testFresh, type Mount } from '../../../../test/support/fresh-routes.ts'
import { nodeServer } from '../../../../test/support/node-server.ts'
import { visit } from '../../../../test/support/visits.ts'
import { session } from './express.ts'
import { attachSession, withSession } from './node.ts'

/** Each has a route that takes what a snapshot says, and one that does not. */
const mounts: Readonly<Record<string, Mount>> = {
  Express({ sessions }) {
    const app = express()
    app.get('/', session(sessions), (req, res) => void res.send(req.session.userId ?? 'nobody'))
    app.get('/fresh', session(sessions, { fresh: true }), (req, res) => {
      res.send(req.session.userId ?? 'nobody')
    })
    return nodeServer(app)
  },
  'withSession of node'({ sessions }) {
    const tell = (_: unknown, res: ServerResponse, { userId }: Session<Goods>): void =>
      void res.end(userId ?? 'nobody')
    const plain = withSession(sessions, tell)
    const fresh = withSession(sessions, tell, { fresh: true })
    return nodeServer((req, res) => (req.url === '/fresh' ? fresh : plain)(req, res))
  },
  'attachSession of node': ({ sessions }) =>
    nodeServer((req, res) => {
      const about = { fresh: req.url === '/fresh', onFailure: () => res.end('Sorry') }
      void attachSession(sessions, req, res, about).then(({ userId }) => res.end(userId ?? 'nobody'))
    }),
}

testFresh(mounts)

test('a snapshot of two cookies passes through the header of a Node server, with room to spare', async () => {
  const room = openCachedRoom()
  const server = mounts['withSession of node']!(room)
  const browser = await room.welcome((loaded) => {
    loaded.login('ann')
    loaded.set('theme', 'x'.repeat(5000))
  })
  browser.receive(new Response(null, { headers: { 'Set-Cookie': `own=${'x'.repeat(4000)}; Path=/` } }))
  expect(browser.cookie!.length).toBeGreaterThan(11_000)
  room.store.takeCalls()
  const response = await visit(server, browser)
  expect([response.status, await response.text(), room.store.takeCalls()]).toEqual([200, 'ann', []])
})
