import type { Browser as Chromium, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hostRules, startAttackSite, type AttackSite } from '../support/attack-site.ts'
import { Browser } from '../support/browser.ts'
import { launchChromium } from '../support/chromium.ts'
import { hour } from '../support/cloakroom.ts'

const strong = '__Host-Http-sid'

let chromiumBrowser: Chromium
beforeAll(async () => {
  chromiumBrowser = await launchChromium(hostRules)
})
afterAll(() => chromiumBrowser?.close())

let site: AttackSite
let victim: BrowserContext
let page: Page
/** The attacker's own cookie jar: he begins a session as anybody can. */
let attacker: Browser

async function open(cookieName?: string): Promise<void> {
  site = await startAttackSite(cookieName)
  victim = await chromiumBrowser.newContext({ ignoreHTTPSErrors: true })
  page = await victim.newPage()
  attacker = new Browser(site.shop)
  await site.room.visit(attacker, (session) => session.set('theme', 'evil'))
}

afterEach(async () => {
  await victim.close()
  await site.stop()
})

/** What the victim's browser shows of a page of the shop. */
async function shown(path = '/'): Promise<string> {
  await page.goto(`${site.shop}${path}`)
  return page.locator('p').innerText()
}

/** What the attacker's session is worth. */
async function attackerSees(jar: Browser = attacker): Promise<string> {
  const session = await site.room.load(jar)
  return `${session.userId ?? 'nobody'} ${session.get('theme') ?? 'plain'}`
}

async function cookieNames(): Promise<string[]> {
  return (await victim.cookies(site.shop)).map(({ name }) => name)
}

/** Runs script where the attacker can: in a hole of the shop, or on a host of his own beside it. */
async function runScript(origin: string, ...scripts: readonly string[]): Promise<void> {
  await page.goto(`${origin}/hole`)
  // Whoever reads the jar waits until everything written before is in it.
  await page.evaluate([...scripts, 'document.cookie'].join('\n'))
}

/** Fills the jar until the browser throws out what it has had for longest, and leaves room again. */
const flood = `
  for (let at = 0; at < 400; at++) document.cookie = 'flood' + at + '=1; Secure; Path=/'
  for (let at = 0; at < 400; at++) document.cookie = 'flood' + at + '=; Secure; Path=/; Max-Age=0'
`

function plant(name: string, attributes: string): string {
  return `document.cookie = ${JSON.stringify(`${name}=${attacker.value()}; ${attributes}`)}`
}

/** Puts the attacker's cookie into the victim's jar as somebody could who sat at the machine. */
async function plantByHand(): Promise<void> {
  const scope = {
    domain: 'shop.coats.test',
    path: '/',
    httpOnly: true,
    secure: true,
    sameSite: 'Lax' as const,
  }
  await victim.addCookies([{ name: strong, value: attacker.value(), ...scope }])
}

describe('a hole for scripts in a page of the shop', () => {
  test('floods the jar and plants its own session over one with the prefix __Host- (the attack works)', async () => {
    await open('__Host-sid')
    await shown('/login')
    await runScript(site.shop, flood)
    expect(await cookieNames()).not.toContain('__Host-sid')
    await runScript(site.shop, plant('__Host-sid', 'Secure; Path=/'))
    expect(await shown()).toBe('nobody evil')
  })

  test('RFC6265bis-4.1.3 ASVS-3.3.1 floods the jar, but plants nothing over __Host-Http-: the victim is signed out', async () => {
    await open()
    await shown('/login')
    await runScript(site.shop, flood)
    expect(await cookieNames()).not.toContain(strong)
    const names = [strong, strong.toUpperCase(), strong.toLowerCase(), ` ${strong}`, `=${strong}`]
    const scopes = ['Secure; Path=/', 'Secure; Path=/; HttpOnly', 'Path=/', '']
    await runScript(site.shop, ...names.flatMap((name) => scopes.map((scope) => plant(name, scope))))
    expect(await shown()).toBe('nobody plain')
    expect(await shown('/login')).toMatch(/^ann /)
    expect(await attackerSees()).toBe('nobody evil')
  })

  test('RFC6265bis-4.1.2.6 reads no cookie of ours', async () => {
    await open()
    await shown('/login')
    await page.goto(`${site.shop}/hole`)
    expect(await page.evaluate('document.cookie')).toBe('')
  })
})

describe('a host beside the shop', () => {
  const scopes = [
    'Domain=coats.test; Path=/',
    'Domain=coats.test; Path=/account',
    'Domain=coats.test; Path=/login',
  ]

  test('plants a cookie without a prefix before the shop’s own (the attack works on the jar)', async () => {
    await open('sid')
    await runScript(site.sibling, plant('sid', `Secure; ${scopes[0]!}`))
    expect(await shown()).toBe('nobody evil')
  })

  test('ASVS-3.3.3 of two valid sessions under one name neither is used', async () => {
    await open('sid')
    await shown('/login')
    await runScript(site.sibling, ...scopes.map((scope) => plant('sid', `Secure; ${scope}`)))
    expect(await shown('/account')).toBe('nobody plain')
    expect(site.room.events).toContainEqual({ type: 'rejected', reason: 'ambiguous', id: null })
  })

  test('RFC6265bis-4.1.3 ASVS-3.3.1 plants nothing under __Host-Http-, on no path and in no case of letters', async () => {
    await open()
    await shown('/login')
    const names = [strong, strong.toUpperCase(), strong.toLowerCase(), `=${strong}`]
    const plants = names.flatMap((name) => scopes.map((scope) => plant(name, `Secure; ${scope}`)))
    await runScript(site.sibling, ...plants)
    for (const path of ['/', '/account', '/account/x']) {
      expect(await shown(path), path).toMatch(/^ann /)
    }
    expect(await cookieNames()).toEqual([strong])
  })
})

describe('ASVS-7.2.4 a session that the attacker knows, planted in the victim’s browser', () => {
  beforeEach(() => open())

  test('before a login: the victim is signed in to another one', async () => {
    await plantByHand()
    expect(await shown()).toBe('nobody evil')
    expect(await shown('/login')).toMatch(/^ann /)
    expect((await victim.cookies(site.shop))[0]?.value).not.toBe(attacker.value())
    expect(await attackerSees()).toBe('nobody plain')
  })

  test('during a login: what the attacker does at the same time ends with the old id', async () => {
    await plantByHand()
    const { arrived, release } = site.holdLogins()
    const login = shown('/login')
    await arrived
    const late = await site.room.load(attacker)
    late.set('theme', 'very evil')
    await site.room.visit(attacker, (session) => session.set('cart', ['bug']))
    release()
    expect(await login).toMatch(/^ann /)
    const { setCookie } = await site.room.commit(attacker, late)
    expect(setCookie).toBeNull()
    expect(await attackerSees()).toBe('nobody plain')
    expect(await shown()).not.toContain('very evil')
  })

  test('during a login, which the attacker meets with a rotation: he keeps nothing that leads on', async () => {
    await plantByHand()
    const { arrived, release } = site.holdLogins()
    const login = shown('/login')
    await arrived
    const before = attacker.copy()
    await site.room.visit(attacker, (session) => session.rotate())
    release()
    expect(await login).toMatch(/^ann /)
    for (const jar of [before, attacker]) expect(await attackerSees(jar)).toBe('nobody plain')
  })

  test('during a login of his own on it: the victim does not end in the attacker’s account', async () => {
    await plantByHand()
    await site.room.visit(attacker, (session) => session.login('eve'))
    expect(await shown()).toBe('nobody plain')
    expect(await shown('/login')).toBe('ann plain')
    expect(await attackerSees()).toBe('eve evil')
  })

  test('in the grace window of a rotation: a login shuts out the id of before and the id of after', async () => {
    await plantByHand()
    const before = attacker.copy()
    expect(await shown('/rotate')).toBe('nobody evil')
    // The window is open: the old id still leads to the session.
    expect(await attackerSees(before)).toBe('nobody evil')
    expect(await shown('/login')).toMatch(/^ann /)
    expect(await attackerSees(before)).toBe('nobody plain')
    site.room.wait(hour)
    expect(await attackerSees(before)).toBe('nobody plain')
    expect(await shown()).toMatch(/^ann /)
  })

  test('in the grace window, with the login by the old id: the attacker’s newer id is shut out, too', async () => {
    await plantByHand()
    const before = attacker.copy()
    await site.room.visit(attacker, (session) => session.rotate())
    expect(await shown('/login')).toMatch(/^ann /)
    for (const jar of [before, attacker]) expect(await attackerSees(jar)).toBe('nobody plain')
  })

  test('after a logout: the victim’s old cookie leads nowhere', async () => {
    await shown('/login')
    const [cookie] = await victim.cookies(site.shop)
    const thief = new Browser(site.shop, [[strong, cookie!.value]])
    expect(await attackerSees(thief)).toMatch(/^ann /)
    await shown('/logout')
    expect(await attackerSees(thief)).toBe('nobody plain')
  })
})
