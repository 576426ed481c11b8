import { describe, expect, test } from 'vitest'
import { Browser } from '../../../test/support/browser.ts'
import {
  minute,
  openCloakroom,
  second,
  secret,
  type Cloakroom,
  type Goods,
} from '../../../test/support/cloakroom.ts'
import { createCsrf } from './csrf.ts'
import type { Session } from './index.ts'

const csrf = createCsrf({ mode: 'token', secrets: [secret], onEvent: () => {} })

type Change = (session: Session<Goods>) => void

/** Asks for a page with a form, and gives the token in it. The form is rendered after `change`, before the commit. */
async function form(room: Cloakroom<Goods>, browser: Browser, change: Change = () => {}): Promise<string> {
  const { value } = await room.visit(browser, (session) => {
    change(session)
    return csrf.token(session)
  })
  return value
}

async function accepts(room: Cloakroom<Goods>, browser: Browser, token: string): Promise<boolean> {
  const request = browser.request('/', { method: 'POST', headers: { 'x-csrf-token': token } })
  const { value } = await room.visit(browser, (session) => csrf.check(request, session), request)
  return value.allowed
}

const logins: Record<string, Change> = {
  'a login': (session) => session.login('ann'),
  'a login as another user': (session) => session.login('bob'),
  'a further proof': (session) => session.stepUp({ amr: ['otp'], aal: 2 }),
  'acting as another user': (session) => session.actAs('bob'),
}

describe.for(Object.entries(logins))('%s', ([, change]) => {
  test('ASVS-3.5.1 ends all tokens from before at once', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const before = await form(room, browser)
    await room.visit(browser, change)
    expect(await accepts(room, browser, before)).toBe(false)
    expect(await accepts(room, browser, await form(room, browser))).toBe(true)
  })

  test('leaves the form in its own response good, until the next change', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const token = await form(room, browser, change)
    expect(await accepts(room, browser, token)).toBe(true)
    room.wait(10 * minute)
    expect(await accepts(room, browser, token)).toBe(true)
    await room.visit(browser, change)
    expect(await accepts(room, browser, token)).toBe(false)
  })

  test('followed by a rotation, leaves that form good for the grace window', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const token = await form(room, browser, change)
    await room.visit(browser, (session) => session.rotate())
    room.wait(59 * second)
    expect(await accepts(room, browser, token)).toBe(true)
    room.wait(second)
    expect(await accepts(room, browser, token)).toBe(false)
  })
})

test('the token of an anonymous visitor does not outlive the login', async () => {
  const room = openCloakroom()
  const browser = new Browser()
  const before = await form(room, browser)
  const attacker = browser.copy()
  const after = await form(room, browser, (session) => session.login('ann'))
  expect(await accepts(room, browser, after)).toBe(true)
  expect(await accepts(room, browser, before)).toBe(false)
  // Who holds the old cookie can no longer get a token that counts either.
  expect(await accepts(room, browser, await form(room, attacker))).toBe(false)
})

test('the token of a session that was ended does not hold in the one that follows in the same request', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const before = await form(room, browser)
  const after = await form(room, browser, (session) => {
    session.destroy()
    session.set('notice', 'Goodbye')
  })
  expect(await accepts(room, browser, before)).toBe(false)
  expect(await accepts(room, browser, after)).toBe(true)
})

const rotations: Record<string, { open: () => Cloakroom<Goods>; change: Change; pause: number }> = {
  'a rotation': { open: () => openCloakroom(), change: (session) => session.rotate(), pause: 0 },
  'a renewal': {
    open: () => openCloakroom({ lifetime: { renewEvery: '15m' } }),
    change: () => {},
    pause: 15 * minute,
  },
}

describe.for(Object.entries(rotations))('%s', ([, { change, open, pause }]) => {
  test('leaves tokens from before good for the grace window, and no longer', async () => {
    const room = open()
    const browser = await room.welcome()
    const token = await form(room, browser)
    room.wait(pause)
    await room.visit(browser, change)
    expect(await accepts(room, browser, token)).toBe(true)
    room.wait(60 * second - 1)
    expect(await accepts(room, browser, token)).toBe(true)
    room.wait(1)
    expect(await accepts(room, browser, token)).toBe(false)
  })

  test('leaves the form in its own response good, through the grace window of the next', async () => {
    const room = open()
    const browser = await room.welcome()
    room.wait(pause)
    const token = await form(room, browser, change)
    expect(await accepts(room, browser, token)).toBe(true)
    room.wait(pause || 10 * minute)
    const late = browser.copy()
    await room.visit(browser, change)
    room.wait(30 * second)
    // By the new cookie, and by a request that still has the old one.
    expect(await accepts(room, browser, token)).toBe(true)
    expect(await accepts(room, late, token)).toBe(true)
    room.wait(30 * second)
    expect(await accepts(room, browser, token)).toBe(false)
  })

  test('that several requests want at once leaves the forms of all good', async () => {
    const room = open()
    const browser = await room.welcome()
    room.wait(pause)
    const tabs = await Promise.all([1, 2, 3, 4, 5].map(() => room.load(browser)))
    for (const tab of tabs) change(tab)
    const tokens = await Promise.all(tabs.map((tab) => csrf.token(tab)))
    for (const tab of tabs) await room.commit(browser, tab)
    room.wait(5 * minute)
    for (const token of tokens) expect(await accepts(room, browser, token)).toBe(true)
  })

  test('gives who comes with the old id a token that outlives it', async () => {
    const room = open()
    const browser = await room.welcome()
    const late = browser.copy()
    room.wait(pause)
    await room.visit(browser, change)
    // It cannot rotate once more, whatever it asks for.
    const token = await form(room, late, change)
    expect(await accepts(room, late, token)).toBe(true)
    room.wait(5 * minute)
    expect(await accepts(room, browser, token)).toBe(true)
  })
})

test('a token asked for while the response is sent already is that of the new id', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  for (const change of [...Object.values(logins), (session: Session<Goods>) => session.rotate()]) {
    const session = await room.load(browser)
    change(session)
    const committing = room.commit(browser, session)
    const during = await csrf.token(session)
    await committing
    const after = await csrf.token(session)
    expect(await accepts(room, browser, during)).toBe(true)
    expect(await accepts(room, browser, after)).toBe(true)
  }
})
