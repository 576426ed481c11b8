import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchChromium } from '../../../test/support/chromium.ts'
import type { Demo } from '../server.ts'
import { startTemporaryDemo } from './temporary-demo.ts'

let browser: Browser
let demo: Demo
beforeAll(async () => {
  ;[browser, demo] = await Promise.all([launchChromium(), startTemporaryDemo({ https: true })])
})
afterAll(() => Promise.all([browser?.close(), demo?.stop()]))

/** The octets of the session's cookies in the browser's jar. */
async function held(page: Page): Promise<number> {
  const cookies = await page.context().cookies()
  return cookies
    .filter(({ name }) => name !== 'mode')
    .reduce((sum, { name, value }) => sum + name.length + 1 + value.length, 0)
}

test.each([
  { mode: 'store', cookies: ['__Host-Http-sid'], calls: '1' },
  { mode: 'cookie', cookies: ['__Host-Http-sid', 'mode'], calls: '1' },
  { mode: 'hybrid', cookies: ['__Host-Http-sid', '__Host-Http-sid-cache', 'mode'], calls: '0' },
])('a person switches to $mode and sees what it costs', async ({ mode, cookies, calls }) => {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    javaScriptEnabled: false,
    viewport: { width: 320, height: 844 },
  })
  const page = await context.newPage()
  await page.goto(`${demo.origin}/`)
  await page.getByRole('link', { name: 'change it and compare' }).click()
  await page.getByRole('button', { name: mode, exact: true }).click()
  await page.locator(`button[value=${mode}][aria-current]`).waitFor()
  await page.getByLabel('Your name').fill('Ada')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Welcome, Ada' }).waitFor()
  expect((await page.context().cookies()).map(({ name }) => name).toSorted()).toEqual(cookies)

  const sent = await held(page)
  await page.getByRole('link', { name: 'Just look' }).click()
  await page.getByRole('heading', { name: 'Just looking' }).waitFor()
  expect(await page.locator('#store-calls').innerText()).toBe(calls)
  expect(await page.locator('#bytes-sent').innerText()).toBe(String(sent))
  expect(await page.locator('#bytes-set').innerText()).toBe('0')
  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(320)

  await page.getByRole('link', { name: 'Back to the counter' }).click()
  const everywhere = mode === 'cookie' ? 'Sign out everywhere' : 'Sign out'
  await page.getByRole('button', { name: everywhere, exact: true }).click()
  await page.getByRole('heading', { name: 'Goodbye' }).waitFor()
  expect(await held(page)).toBe(0)
  await context.close()
})
