import { once } from 'node:events'
import { connect, createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, type Goods } from '../../../../test/support/cloakroom.ts'
import { answer, nodeServer } from '../../../../test/support/node-server.ts'
import { testVisits, visit } from '../../../../test/support/visits.ts'
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

test('serves http2, where the host is a pseudo-header', async () => {
  const { sessions } = openCloakroom()
  const server = createServer(
    withSession<Goods, Http2ServerRequest, Http2ServerResponse>(sessions, (_, res, session) => {
      session.update('views', (views = 0) => views + 1)
      res.end(`Visit ${session.get('views')}`)
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://localhost:${(server.address() as AddressInfo).port}`)
  onTestFinished(async () => {
    client.close()
    await new Promise((closed) => server.close(closed))
  })

  async function visit(cookie: string): Promise<{ text: string; cookies: readonly string[] }> {
    const stream = client.request({ ':path': '/', ...(cookie === '' ? {} : { cookie }) }).setEncoding('utf8')
    let text = ''
    stream.on('data', (chunk: string) => (text += chunk))
    const [head] = (await once(stream, 'response')) as [{ 'set-cookie'?: string[] }]
    await once(stream, 'end')
    return { text, cookies: head['set-cookie'] ?? [] }
  }

  const first = await visit('')
  expect(first.text).toBe('Visit 1')
  expect(first.cookies).toEqual([expect.stringMatching(/^sid=/)])
  const second = await visit(first.cookies[0]!.split(';')[0]!)
  expect(second).toEqual({ text: 'Visit 2', cookies: [] })
})

test('an error page goes out as it is when its session cannot be saved either', async () => {
  const { sessions, store } = openCloakroom()
  const server = nodeServer(
    withSession(
      sessions,
      (_, res, session) => {
        session.login('ann')
        res.statusCode = 503
        res.end('Closed')
      },
      { onError: () => expect.unreachable() },
    ),
  )
  store.failWhen(() => 'fails')
  const response = await visit(server, new Browser())
  expect([response.status, await response.text()]).toEqual([503, 'Closed'])
  expect(response.headers.getSetCookie()).toEqual([])
})

test('one manager is mounted once, beside others', async () => {
  const [one, other] = [openCloakroom().sessions, openCloakroom().sessions]
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push(error)
  const inner = withSession(one, (_, res) => void res.end('Twice'), { onError })
  const between = withSession(other, (req, res) => inner(req, res))
  const outer = withSession(one, (req, res) => {
    between(req, res)
    res.end('Once')
  })
  expect(await (await visit(nodeServer(outer), new Browser())).text()).toBe('Once')
  expect(errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION_CONFIG' })])
})
