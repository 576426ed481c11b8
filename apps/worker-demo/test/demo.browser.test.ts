import { rm } from 'node:fs/promises'
import type { Browser, BrowserContext, BrowserContextOptions, Cookie, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startDemo, type Demo } from '../server.ts'
import { launchChromium } from '../../../test/support/chromium.ts'
import { startTemporaryDemo, temporaryFolder } from './temporary-demo.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

let contexts: BrowserContext[] = []
afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()))
  contexts = []
})

/** A browser of its own: cookies, caches and all. */
async function visit(demo: Demo, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
  contexts.push(context)
  const page = await context.newPage()
  await page.goto(`${demo.origin}/`)
  return page
}

function visits(page: Page): Promise<string> {
  return page.locator('#visits').innerText()
}

async function signIn(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: `Welcome, ${name}` }).waitFor()
}

async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Goodbye' }).waitFor()
  await page.waitForLoadState('load')
}

/** Goes back, whether the browser asks the server or has kept the page. */
async function goBack(page: Page): Promise<void> {
  await page.goBack({ waitUntil: 'commit' })
  await page.getByRole('heading', { level: 1, name: 'Welcome' }).waitFor()
}

async function onlyCookie(page: Page): Promise<Cookie> {
  const cookies = await page.context().cookies()
  expect(cookies).toHaveLength(1)
  return cookies[0] as Cookie
}

describe.each([
  { scheme: 'https', https: true, name: '__Host-Http-sid', secure: true },
  { scheme: 'http', https: false, name: 'sid', secure: false },
])('over $scheme', ({ https, name, secure }) => {
  let demo: Demo
  beforeEach(async () => {
    demo = await startTemporaryDemo({ https })
  })
  afterEach(() => demo.stop())

  test(`the browser keeps the cookie ${name}, and page scripts cannot read it`, async () => {
    const page = await visit(demo)
    const cookie = await onlyCookie(page)
    expect(cookie).toMatchObject({
      name,
      secure,
      httpOnly: true,
      sameSite: 'Lax',
      path: '/',
      domain: 'localhost',
      expires: -1,
    })
    expect(await page.evaluate('document.cookie')).toBe('')
    const proof = cookie.value.slice(cookie.value.indexOf('.') + 1)
    expect(await page.content()).not.toContain(proof.slice(0, 5))
  })

  test('the counter grows with each reload', async () => {
    const page = await visit(demo)
    expect(await visits(page)).toBe('1')
    await page.reload()
    expect(await visits(page)).toBe('2')
    await page.getByRole('link', { name: 'Visit again' }).click()
    await expect.poll(() => visits(page)).toBe('3')
  })

  test('two browsers are two sessions', async () => {
    const [one, two] = [await visit(demo), await visit(demo)]
    await signIn(one, 'Ada')
    await two.reload()
    expect(await visits(two)).toBe('2')
    expect(await two.content()).not.toContain('Ada')
    expect((await onlyCookie(one)).value).not.toBe((await onlyCookie(two)).value)
  })

  test('a sign-in and a rotation change the cookie, nothing else does', async () => {
    const page = await visit(demo)
    const anonymous = await onlyCookie(page)
    await page.getByRole('button', { name: 'Hand over a coat' }).click()
    await page.getByText('We hung up your coat.').waitFor()
    expect(await onlyCookie(page)).toEqual(anonymous)
    await signIn(page, 'Ada')
    const signedIn = await onlyCookie(page)
    expect(signedIn.value).not.toBe(anonymous.value)
    await page.getByRole('button', { name: 'Change the ticket' }).click()
    await page.getByText('under a new number').waitFor()
    expect((await onlyCookie(page)).value).not.toBe(signedIn.value)
  })

  test('after a sign-out the cookie is gone, and Back shows nothing private', async () => {
    const page = await visit(demo)
    await signIn(page, 'Ada')
    await signOut(page)
    expect(await page.context().cookies()).toEqual([])
    expect(await page.content()).not.toContain('Ada')
    await goBack(page)
    expect(await page.content()).not.toContain('Ada')
    expect(await visits(page)).toBe('1')
  })

  test('after a sign-out in another tab, no tab comes Back to anything private', async () => {
    const page = await visit(demo)
    await signIn(page, 'Ada')
    await page.goto('about:blank')
    const other = await page.context().newPage()
    await other.goto(`${demo.origin}/`)
    await signOut(other)
    await goBack(page)
    expect(await page.content()).not.toContain('Ada')
  })

  test('everything works without JavaScript', async () => {
    const page = await visit(demo, { javaScriptEnabled: false })
    await signIn(page, 'Ada')
    await page.getByRole('button', { name: 'Hand over a scarf' }).click()
    await page.getByText('We hung up your scarf.').waitFor()
    await page.getByRole('button', { name: 'Take back a scarf' }).click()
    await page.getByText('Here is your scarf back.').waitFor()
    await page.getByRole('button', { name: 'Change the ticket' }).click()
    await page.getByText('under a new number').waitFor()
    await signOut(page)
    expect(await page.context().cookies()).toEqual([])
  })
})

test('a session survives a restart of the Worker', async () => {
  const dataDir = await temporaryFolder()
  const first = await startDemo({ port: 0, dataDir, https: true })
  const page = await visit(first)
  await signIn(page, 'Ada')
  const cookie = await onlyCookie(page)
  await first.stop()
  const second = await startDemo({ port: first.port, dataDir, https: true })
  expect(second.origin).toBe(first.origin)
  await page.reload()
  expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Welcome, Ada')
  expect(await visits(page)).toBe('3')
  expect(await onlyCookie(page)).toEqual(cookie)
  await second.stop()
  await rm(dataDir, { recursive: true })
})

describe('another site', () => {
  let demo: Demo
  beforeEach(async () => {
    demo = await startTemporaryDemo()
  })
  afterEach(() => demo.stop())

  test('cannot sign a visitor out by a form of its own', async () => {
    const page = await visit(demo)
    await signIn(page, 'Ada')
    // 127.0.0.1 and localhost are two sites to a browser.
    const evil = demo.origin.replace('localhost', '127.0.0.1')
    await page.context().route(`${evil}/evil`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" action="${demo.origin}/sign-out"><button>A nice kitten</button></form>`,
      }),
    )
    await page.goto(`${evil}/evil`)
    await page.getByRole('button').click()
    await page.getByRole('heading', { name: 'This form was refused' }).waitFor()
    await page.goto(`${demo.origin}/`)
    await page.getByRole('heading', { name: 'Welcome, Ada' }).waitFor()
  })
})

describe('the page', () => {
  let demo: Demo
  beforeAll(async () => {
    demo = await startTemporaryDemo()
  })
  afterAll(() => demo.stop())

  test.each([320, 390, 768, 1280])('fits a screen %d pixels wide', async (width) => {
    const page = await visit(demo, { viewport: { width, height: 844 } })
    await signIn(page, 'W'.repeat(40))
    await page.getByRole('button', { name: 'Hand over a coat' }).click()
    for (const path of ['/', '/nowhere']) {
      await page.goto(`${demo.origin}${path}`)
      const { content, screen } = await page.evaluate<{ content: number; screen: number }>(
        '({ content: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth })',
      )
      expect(content).toBe(screen)
      expect(screen).toBe(width)
    }
  })

  test('loads without a single complaint of the browser', async () => {
    const page = await visit(demo)
    const complaints: string[] = []
    page.on(
      'console',
      (message) => void (['error', 'warning'].includes(message.type()) && complaints.push(message.text())),
    )
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('requestfailed', (request) => complaints.push(request.url()))
    page.on('response', (response) => void (response.status() >= 400 && complaints.push(response.url())))
    await signIn(page, 'Ada')
    await signOut(page)
    expect(complaints).toEqual([])
  })

  test.each(['light', 'dark'] as const)('can be read in %s colours (WCAG 2.2 AA)', async (colorScheme) => {
    const page = await visit(demo, { colorScheme })
    await signIn(page, 'Ada')
    await page.getByRole('button', { name: 'Hand over a coat' }).click()
    await page.getByText('We hung up your coat.').waitFor()
    const weak = await page.evaluate<string[]>(weakContrasts)
    expect(weak).toEqual([])
  })

  test('can be used by keyboard alone, and shows where the focus is', async () => {
    const page = await visit(demo)
    await page.getByLabel('Your name').focus()
    await page.keyboard.type('Ada')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Welcome, Ada' }).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    const focus = await page.evaluate<string[]>(
      '[document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle, getComputedStyle(document.activeElement).outlineWidth]',
    )
    expect(focus).toEqual(['Visit again', 'solid', '3px'])
  })
})

/** Runs in the page: the texts whose contrast with the colour behind them is below 4.5 : 1. */
const weakContrasts = `(() => {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number)
    return { r, g, b, a }
  }
  const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const backgroundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      // The ticket is painted by a gradient: its darker end.
      if (at.matches('.ticket:not(.none)')) return parse('rgb(240, 217, 159)')
      const color = parse(getComputedStyle(at).backgroundColor)
      if (color.a === 1) return color
    }
    return parse('rgb(255, 255, 255)')
  }
  const weak = []
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '')
    if (!hasText) continue
    const [one, other] = [luminance(parse(getComputedStyle(element).color)), luminance(backgroundOf(element))]
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    if (ratio < 4.5) weak.push(element.className + ' ' + element.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2))
  }
  return weak
})()`
