import { answer, nodeServer } from '../../../../test/support/node-server.ts'
import { testVisits } from '../../../../test/support/visits.ts'
import { withSession } from './node.ts'

testVisits('withSession of node', (sessions, handler) =>
  nodeServer(
    withSession(sessions, (req, res, session) => answer(handler, session, req, res), {
      // Failures are a part of the tests.
      onError(_, __, res) {
        res.statusCode = 500
        res.end('Sorry')
      },
    }),
  ),
)
