import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Demo } from '../server.ts'
import { startTemporaryDemo } from './temporary-demo.ts'
import { createVisitor } from './visitor.ts'

let demo: Demo

beforeAll(async () => {
  demo = await startTemporaryDemo()
})
afterAll(() => demo.stop())

test('the page explains the request of a stranger, and begins nothing', async () => {
  const visitor = createVisitor(demo)
  const page = await visitor.read('/explain')
  expect(page).toContain('The request came to coats.example over https.')
  expect(page).toContain(
    'would begin a new one, and send Set-Cookie: __Host-Http-sid=…; Path=/; Secure; HttpOnly',
  )
  expect([...visitor.jar]).toEqual([])
})

test('the page explains the request of who has a session, and shows neither its token nor its proof', async () => {
  const visitor = createVisitor(demo)
  await visitor.post('/sign-in', { name: 'Ada' })
  const token = visitor.jar.get('__Host-Http-sid')!
  const page = await visitor.read('/explain')
  expect(page).toContain(`Session ${token.slice(0, 8)} is live: somebody is signed in`)
  for (const hidden of token.split('.')) expect(page).not.toContain(hidden)
  expect(visitor.jar.get('__Host-Http-sid')).toBe(token)
})

test('the page says why there is no cookie over plain http, and what to do', async () => {
  const page = await createVisitor(demo, 'http://coats.example').read('/explain')
  expect(page).toContain('No session cookie is read or set. Session cookies need https.')
})

test('what the client sent is text on the page, never markup', async () => {
  const headers = { 'x-forwarded-proto': '<script>alert(1)</script>' }
  const answer = await createVisitor(demo).send('/explain', { headers })
  expect(await answer.text()).not.toContain('<script>')
  expect(answer.headers.get('cache-control')).toBe('no-store')
})

test('every page leads there', async () => {
  expect(await createVisitor(demo).read()).toContain('<a href="/explain">')
})
