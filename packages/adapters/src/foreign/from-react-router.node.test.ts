import { createCookieSessionStorage, type SessionStorage } from '@remix-run/node'
import { createCookieSessionStorage as createRouterStorage } from 'react-router'
import { expect, test } from 'vitest'
import { goods, headerOf, oldSecret, otherSecret, start } from '../../../../test/support/foreign-readers.ts'
import { fromReactRouter } from './from-react-router.ts'

/** Sessions of Remix 2, which signs by Node's own cryptography. */
function remix(secrets: string[] = [oldSecret]): SessionStorage {
  return createCookieSessionStorage({ cookie: { name: '__session', secrets } })
}

async function issue(storage: SessionStorage = remix(), data: object = goods): Promise<string> {
  const session = await storage.getSession()
  for (const [key, value] of Object.entries(data)) session.set(key, value)
  return headerOf([await storage.commitSession(session)])
}

const reader = fromReactRouter({ secrets: [oldSecret] })

test('a session of Remix 2 is one of React Router', async () => {
  const header = await issue()
  expect(await reader.read(header, start)).toMatchObject({ data: goods, userId: null })
  const router = createRouterStorage({ cookie: { name: '__session', secrets: [oldSecret] } })
  expect((await router.getSession(header)).data).toEqual(goods)
})

test('secrets that Remix has rotated verify, and others do not', async () => {
  const header = await issue(remix([otherSecret, oldSecret]))
  expect(await fromReactRouter({ secrets: [oldSecret, otherSecret] }).read(header, start)).toMatchObject({
    data: goods,
  })
  expect(await reader.read(header, start)).toBeNull()
})

test('what Remix flashed comes under its own key', async () => {
  const storage = remix()
  const session = await storage.getSession()
  session.flash('note', 'Grüße')
  const header = headerOf([await storage.commitSession(session)])
  expect((await reader.read(header, start))!.data).toEqual({ note: 'Grüße' })
})

test('a session that Remix has destroyed is none', async () => {
  const storage = remix()
  const field = await storage.destroySession(await storage.getSession(await issue(storage)))
  expect(await reader.read(field.split(';')[0]!, start)).toBeNull()
})
