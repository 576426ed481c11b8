import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { csrfRequest } from '@coatcheck/adapters/csrf-express'
import { withSession } from '@coatcheck/adapters/node'
import { createSessionManager, type Session, type SessionEvent } from '@coatcheck/core'
import { createCsrf, type CsrfMode } from '@coatcheck/core/csrf'
import { memoryStore } from '@coatcheck/core/memory-store'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium } from '../support/chromium.ts'
import { secret } from '../support/cloakroom.ts'

let browser: Browser
const servers: Server[] = []

beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser.close())
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** Loopback, which browsers trust as they trust https: they send `Sec-Fetch-Site` there. */
async function listen(host: string, listener: RequestListener): Promise<{ server: Server; origin: string }> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, origin: `http://${host}:${(server.address() as AddressInfo).port}` }
}

interface Shop {
  readonly origin: string
  /** What was done, and for whom. */
  readonly done: string[]
  readonly denied: Extract<SessionEvent, { type: 'csrf-denied' }>[]
}

/** A shop where a POST moves money, a GET deletes, and a socket talks. */
async function openShop(mode: CsrfMode = 'fetch-metadata'): Promise<Shop> {
  const done: string[] = []
  const denied: Shop['denied'] = []
  const sessions = createSessionManager({ secrets: [secret], store: memoryStore(), onEvent: () => {} })
  const csrf = createCsrf({
    mode,
    secrets: [secret],
    sensitive: ['/delete'],
    onEvent: (event) => event.type === 'csrf-denied' && denied.push(event),
  })

  async function answer(req: IncomingMessage, res: ServerResponse, session: Session): Promise<void> {
    const form = new URLSearchParams(await text(req))
    const field = async (_: unknown, name: string): Promise<string | null> => form.get(name)
    const { allowed } = await csrf.check(csrfRequest(req), session, { field })
    if (!allowed) return void res.writeHead(403).end('Forbidden')
    if (req.url === '/login') session.login('ann')
    if (/^\/(?:login|transfer|delete)$/.test(req.url ?? ''))
      done.push(`${req.method} ${req.url} for ${session.userId}`)
    res.setHeader('Content-Type', 'text/html')
    const token = mode === 'fetch-metadata' ? '' : await csrf.token(session)
    res.end(
      `<!doctype html><title>Done</title><form method="post" action="/transfer">
        <input type="hidden" name="csrf" value="${token}"><button>Transfer</button></form>`,
    )
  }

  async function upgrade(req: IncomingMessage, socket: Duplex): Promise<void> {
    const request = csrfRequest(req)
    const session = await sessions.load(request)
    const { allowed } = await csrf.verifyUpgrade(request, session)
    if (!allowed) return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
    done.push(`GET ${req.url} for ${session.userId}`)
    socket.end(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptance(String(req.headers['sec-websocket-key']))}\r\n\r\n`,
    )
  }

  const { origin, server } = await listen('localhost', withSession(sessions, answer))
  server.on('upgrade', (req, socket) => void upgrade(req, socket))
  return { origin, done, denied }
}

/** RFC 6455 §4.2.2. */
function acceptance(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** A site with an empty page, that sends on with the same method and body what it gets. */
async function openSite(host: string, sendsTo = ''): Promise<string> {
  const { origin } = await listen(host, (req, res) => {
    if (req.method === 'POST') return void res.writeHead(307, { Location: sendsTo }).end()
    res.setHeader('Content-Type', 'text/html')
    res.end('<!doctype html><title>Prizes</title>')
  })
  return origin
}

/** A user who is signed in at the shop, and now looks at a page of `site`. */
async function victim(shop: Shop, site: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`${shop.origin}/login`)
  await page.goto(`${site}/`)
  shop.done.length = 0
  return page
}

/** What a page can do to the shop behind its user's back. Each ends when the shop has answered. */
const attempts: Record<string, (page: Page, shop: string) => Promise<unknown>> = {
  async 'a form POST'(page, shop) {
    await submit(page, `${shop}/transfer`)
  },
  async 'a login form'(page, shop) {
    await submit(page, `${shop}/login`)
  },
  'a fetch': (page, shop) =>
    page.evaluate(`fetch('${shop}/transfer', { method: 'POST', mode: 'no-cors', credentials: 'include' })`),
  'JSON without a preflight': (page, shop) =>
    page.evaluate(`fetch('${shop}/transfer',
      { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"to":"mallory"}' })`),
  'a beacon': (page, shop) =>
    Promise.all([
      page.context().waitForEvent('requestfinished'),
      page.evaluate(`navigator.sendBeacon('${shop}/transfer', 'all')`),
    ]),
  'an image': (page, shop) =>
    page.evaluate(`new Promise((over) => {
      const image = new Image()
      image.onload = image.onerror = over
      image.src = '${shop}/delete'
    }).then(() => {})`),
  'an iframe': (page, shop) =>
    page.evaluate(`new Promise((over) => {
      const frame = document.createElement('iframe')
      frame.onload = over
      frame.src = '${shop}/delete'
      document.body.append(frame)
    }).then(() => {})`),
  'a link': (page, shop) =>
    Promise.all([page.waitForEvent('load'), page.evaluate(`location.href = '${shop}/delete'`)]),
  'a WebSocket': (page, shop) =>
    page.evaluate(`new Promise((over) => {
      const socket = new WebSocket('${shop.replace('http', 'ws')}/chat')
      socket.onopen = socket.onclose = over
    }).then(() => {})`),
}

function submit(page: Page, action: string): Promise<unknown> {
  const script = `const form = document.createElement('form')
    form.method = 'post'
    form.action = '${action}'
    document.body.append(form)
    form.submit()`
  return Promise.all([page.waitForEvent('load'), page.evaluate(`{${script}}`)])
}

/** By clause, as far as they have one of their own. */
const clauses: Readonly<Record<string, string>> = {
  'a WebSocket': 'ASVS-4.4.2',
  'JSON without a preflight': 'ASVS-3.5.2',
  'an image': 'ASVS-3.5.3',
  'an iframe': 'ASVS-3.5.3',
  'a link': 'ASVS-3.5.3',
}
const all = Object.entries(attempts).map(([name, attempt]) => ({
  clause: clauses[name] ?? 'ASVS-3.5.1',
  name,
  attempt,
}))

describe.for([
  // Of another site, where Lax keeps the cookie back; and of the same site, where nothing but this check stands.
  { from: 'another site', host: '127.0.0.1', site: 'cross-site', signedIn: false },
  { from: 'another port', host: 'localhost', site: 'same-site', signedIn: true },
])('from $from', ({ host, signedIn, site }) => {
  test.for(all)('$clause $name is refused', async ({ attempt, name }) => {
    const shop = await openShop()
    const stranger = await openSite(host)
    const page = await victim(shop, stranger)
    await attempt(page, shop.origin)
    expect(shop.done).toEqual([])
    expect(shop.denied).toHaveLength(1)
    const { id, origin, site: seen } = shop.denied[0]!
    // A link carries the cookie even from another site.
    expect(id !== null).toBe(signedIn || name === 'a link')
    if (seen !== null) expect(seen).toBe(site)
    else expect(origin).toBe(stranger)
  })
})

test.for(all)("$clause $name from the shop's own page passes", async ({ attempt }) => {
  const shop = await openShop()
  const page = await victim(shop, shop.origin)
  await attempt(page, shop.origin)
  expect(shop.denied).toEqual([])
  expect(shop.done).toEqual([expect.stringMatching(/^(GET|POST) \/\w+ for ann$/)])
})

test('ASVS-3.5.1 a form that comes back by way of another site is refused', async () => {
  const shop = await openShop()
  const bounce = await openSite('127.0.0.1', `${shop.origin}/transfer`)
  const page = await victim(shop, shop.origin)
  await submit(page, `${bounce}/`)
  expect(shop.done).toEqual([])
  expect(shop.denied).toMatchObject([{ site: 'cross-site' }])
})

test('ASVS-3.5.1 a sandboxed frame on the own page is a stranger', async () => {
  const shop = await openShop()
  const page = await victim(shop, shop.origin)
  const script = `fetch('${shop.origin}/transfer', { method: 'POST', mode: 'no-cors', credentials: 'include' })
    .finally(() => parent.postMessage('over', '*'))`
  await page.evaluate(`new Promise((over) => {
    addEventListener('message', () => over())
    const frame = document.createElement('iframe')
    frame.sandbox = 'allow-scripts'
    frame.srcdoc = ${JSON.stringify(`<script>${script}</script>`)}
    document.body.append(frame)
  })`)
  expect(shop.done).toEqual([])
  expect(shop.denied).toMatchObject([{ origin: 'null' }])
})

test('ASVS-3.5.3 what the user types into the address bar passes', async () => {
  const shop = await openShop()
  const page = await victim(shop, 'about:blank?')
  await page.goto(`${shop.origin}/delete`)
  expect(shop.done).toEqual(['GET /delete for ann'])
})

test.for(['token', 'both'] as const)(
  'NIST-5.1 in mode %s, the form that came with the login works',
  async (mode) => {
    const shop = await openShop(mode)
    const page = await (await browser.newContext()).newPage()
    const transfer = async (): Promise<string> => {
      await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Transfer' }).click()])
      return page.title()
    }
    await page.goto(`${shop.origin}/login`)
    expect(await transfer()).toBe('Done')
    expect(await transfer()).toBe('Done')
    expect(shop.denied).toEqual([])
    await submit(page, `${shop.origin}/transfer`)
    expect(shop.denied).toMatchObject([{ reason: 'token-missing' }])
  },
)
