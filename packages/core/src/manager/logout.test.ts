import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openCloakroom, typesOf } from '../../../../test/support/cloakroom.ts'
import { logout, type LogoutOptions } from './logout.ts'

test.for<[LogoutOptions | undefined, string | null]>([
  [undefined, null],
  [{ clearSiteData: false }, null],
  [{ clearSiteData: [] }, null],
  [{ clearSiteData: true }, '"cache", "storage"'],
  [{ clearSiteData: ['cache'] }, '"cache"'],
  [{ clearSiteData: ['cookies', 'storage'] }, '"cookies", "storage"'],
])('ASVS-14.3.1 a logout with %o clears %s', async ([options, field]) => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const { response, setCookie, events } = await room.visit(browser, (session) => logout(session, options))
  expect(typesOf(events)).toEqual(['destroyed'])
  expect(setCookie).toMatch(/^__Host-Http-sid=; .*Max-Age=0/)
  expect(response.headers.get('clear-site-data')).toBe(field)
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(browser.cookie).toBeNull()
})

test('ASVS-7.4.1 a logout revokes first: while the store fails, the response takes nothing back and clears nothing', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const session = await room.load(browser)
  logout(session, { clearSiteData: true })
  room.store.failWhen(() => 'fails')
  await expect(room.commit(browser, session)).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_SESSION_STORE' }),
  )
  room.store.heal()
  expect((await room.visit(browser, ({ userId }) => userId)).value).toBe('ann')
})

test('a logout whose handler throws afterwards clears nothing, since it ended nothing', async () => {
  const room = openCloakroom()
  const session = await room.load(await room.welcome())
  logout(session, { clearSiteData: true })
  const headers = new Headers()
  room.sessions.discard(session).applyTo(headers)
  expect(headers.has('clear-site-data')).toBe(false)
})

test('who has no session any more has his browser cleared all the same', async () => {
  const room = openCloakroom()
  const { response, setCookie } = await room.visit(new Browser(), (session) =>
    logout(session, { clearSiteData: true }),
  )
  expect(setCookie).toBeNull()
  expect(response.headers.get('clear-site-data')).toBe('"cache", "storage"')
  expect(response.headers.get('cache-control')).toBe('no-store')
})

test('what the application wants to clear itself stays', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const request = browser.request()
  const response = await room.sessions.handle(request, (session) => {
    logout(session, { clearSiteData: ['cache'] })
    return new Response(null, { headers: { 'clear-site-data': '"storage"' } })
  })
  expect(response.headers.get('clear-site-data')).toBe('"storage", "cache"')
})

test('a 304 clears nothing: caches merge its head into what they keep for everybody', async () => {
  const room = openCloakroom()
  const session = await room.load(await room.welcome())
  logout(session, { clearSiteData: true })
  const headers = await room.sessions.commit(session, { status: 304 })
  const fields = new Headers()
  headers.applyTo(fields)
  expect(fields.has('clear-site-data')).toBe(false)
})

test('another session of the same handler is not touched', async () => {
  const room = openCloakroom()
  const [one, other] = [await room.load(await room.welcome()), await room.load(await room.welcome())]
  logout(one, { clearSiteData: true })
  other.destroy()
  const fields = new Headers()
  ;(await room.sessions.commit(other)).applyTo(fields)
  expect(fields.has('clear-site-data')).toBe(false)
})

test('a logout that was followed by a login keeps the cookie of the new session', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const { response } = await room.visit(browser, (session) => {
    logout(session, { clearSiteData: true })
    session.login('bob')
  })
  expect(response.headers.get('clear-site-data')).toBe('"cache", "storage"')
  expect((await room.visit(browser, ({ userId }) => userId)).value).toBe('bob')
})

test.for([['everything'], ['cache', 'x"\r\nSet-Cookie: a=b'], 'cache', null, 1])(
  'what cannot be cleared is refused, and the session stays: %o',
  async (clearSiteData) => {
    const room = openCloakroom()
    const browser = await room.welcome()
    await room.visit(browser, (session) => {
      const attempt = (): void => logout(session, { clearSiteData } as LogoutOptions)
      expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    })
    expect((await room.visit(browser, ({ userId }) => userId)).value).toBe('ann')
  },
)

test('a logout after the commit is refused', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const session = await room.load(browser)
  await room.commit(browser, session)
  expect(() => logout(session)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_COMMITTED' }))
})
