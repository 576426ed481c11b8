import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { withSession } from '@coatcheck/adapters/node'
import { createSessionManager, logout, type LogoutOptions, type Session } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { secret } from '../support/cloakroom.ts'
import { launchChromium } from '../support/chromium.ts'

let browser: Browser
const servers: Server[] = []

beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser.close())
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** How a site says goodbye. */
interface Goodbye {
  readonly options?: LogoutOptions
  /** Whether the page after the logout loads a picture that clears the cache once more. */
  readonly picture: boolean
  /** What pages say of caching (default: nothing, to which coatcheck adds `private`). */
  readonly cacheControl?: string
}

/** A site with one private page. It runs on localhost, which browsers trust as they trust https. */
async function openSite({ cacheControl, options, picture }: Goodbye): Promise<string> {
  const sessions = createSessionManager({ secrets: [secret], store: memoryStore() })

  function answer(req: IncomingMessage, res: ServerResponse, session: Session): void {
    const page = (html: string): void => {
      res.setHeader('Content-Type', 'text/html')
      if (cacheControl !== undefined) res.setHeader('Cache-Control', cacheControl)
      res.end(`<!doctype html><title>Shop</title>${html}`)
    }
    const redirect = (location: string): void => void res.writeHead(303, { Location: location }).end()
    switch (req.url ?? '/') {
      case '/login':
        session.login('ann')
        return redirect('/')
      case '/logout':
        logout(session, options)
        return redirect('/goodbye')
      case '/goodbye':
        return page(`<h1>Goodbye</h1>${picture ? '<img src="/cleared.svg" alt="">' : ''}`)
      case '/cleared.svg':
        // Whoever asks for it has been logged out, so this only clears.
        logout(session, options)
        res.setHeader('Content-Type', 'image/svg+xml')
        return void res.end('<svg xmlns="http://www.w3.org/2000/svg"/>')
      case '/favicon.ico':
        return void res.writeHead(204).end()
      default:
        return page(
          session.userId === null
            ? '<h1>Who are you?</h1>'
            : `<h1>Hello ${session.userId}</h1><form method="post" action="/logout"><button>Log out</button></form>`,
        )
    }
  }

  const server = createServer(withSession(sessions, answer))
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

/** Somebody who is signed in and looks at the private page. */
async function visitor(site: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`${site}/login`)
  await page.getByRole('heading', { name: 'Hello ann' }).waitFor()
  return page
}

async function logOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Log out' }).click()
  await goodbye(page)
}

async function logOutByScript(page: Page): Promise<void> {
  // Leaves when the evaluation is over, which it would cut short.
  await page.evaluate(
    "fetch('/logout', { method: 'POST' }).then(() => void setTimeout(() => location.assign('/goodbye')))",
  )
  await goodbye(page)
}

/** The page after the logout, with its picture, and all that the browser had to do for it. */
async function goodbye(page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'Goodbye' }).waitFor()
  await page.waitForLoadState('load')
  // Two frames and a request later, the page before this one is where the Back button finds it, or is gone.
  await page.evaluate(
    "new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown))).then(() => fetch('/favicon.ico'))",
  )
}

/** What the Back button shows. */
async function headingAfterBack(page: Page): Promise<string> {
  await page.goBack({ waitUntil: 'commit' })
  return page.getByRole('heading', { level: 1 }).innerText()
}

/** A logout by the page's form, or by its script. */
const ways: readonly (readonly [way: string, logOut: (page: Page) => Promise<void>])[] = [
  ['a form', logOut],
  ['a script', logOutByScript],
]

test('without Clear-Site-Data, Chromium revives even a no-store page: what the tests below are about', async () => {
  const page = await visitor(await openSite({ picture: false, cacheControl: 'no-store' }))
  await logOut(page)
  expect(await page.context().cookies()).toEqual([])
  expect(await headingAfterBack(page)).toBe('Hello ann')
  // It is a picture of the past only: the session has ended.
  await page.reload()
  expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Who are you?')
})

for (const [way, leave] of ways) {
  test(`ASVS-14.3.1 after a logout by ${way}, with a picture that clears once more, the Back button shows nothing private`, async () => {
    for (const more of [{}, { cacheControl: 'no-store' }]) {
      const site = await openSite({ options: { clearSiteData: ['cache'] }, picture: true, ...more })
      const page = await visitor(site)
      await leave(page)
      expect(await page.context().cookies()).toEqual([])
      expect(await headingAfterBack(page)).toBe('Who are you?')
    }
  })
}

test('ASVS-14.3.1 a page that another tab has left comes back without anything private, once the visitor has logged out', async () => {
  const site = await openSite({ options: { clearSiteData: ['cache'] }, picture: false })
  const page = await visitor(site)
  await page.goto('about:blank')
  const other = await page.context().newPage()
  await other.goto(site)
  await logOut(other)
  expect(await headingAfterBack(page)).toBe('Who are you?')
})

test('ASVS-14.3.1 a logout that clears the storage leaves nothing that scripts have kept', async () => {
  const site = await openSite({ options: { clearSiteData: true }, picture: false })
  const page = await visitor(site)
  await page.evaluate("localStorage.setItem('name', 'ann'); sessionStorage.setItem('name', 'ann')")
  await logOut(page)
  expect(await page.evaluate("[localStorage.getItem('name'), sessionStorage.getItem('name')]")).toEqual([
    null,
    null,
  ])
})

test("a logout that names the cookies takes the application's own along, which otherwise stay", async () => {
  for (const [options, left] of [
    [{ clearSiteData: true }, ['theme']],
    [{ clearSiteData: ['cookies'] }, []],
  ] as const) {
    const site = await openSite({ options, picture: false })
    const page = await visitor(site)
    await page.context().addCookies([{ name: 'theme', value: 'dark', url: site }])
    await logOut(page)
    expect((await page.context().cookies()).map(({ name }) => name)).toEqual(left)
  }
})
