import { describe, expect, test } from 'vitest'
import type { RejectionReason } from '@coatcheck/core'
import { adapters, sorry, type LazyHandler } from '../support/adapters.ts'
import { Browser } from '../support/browser.ts'
import { hour, newerSecret, openCloakroom, secret, type Cloakroom, type Goods } from '../support/cloakroom.ts'
import { proofOf, strangeId } from '../support/forger.ts'

/** A cookie value that leads nowhere, and why it does. */
interface BadToken {
  readonly reason: RejectionReason
  readonly make: (room: Cloakroom<Goods>) => string | Promise<string>
}

const lifetime = { idle: '30m', absolute: '12h' } as const

const badTokens: Readonly<Record<string, BadToken>> = {
  empty: { reason: 'malformed', make: () => '' },
  garbage: { reason: 'malformed', make: () => 'null' },
  'an id without a proof': { reason: 'malformed', make: async (room) => (await parts(room)).id },
  'too short': { reason: 'malformed', make: async (room) => (await token(room)).slice(1) },
  truncated: { reason: 'malformed', make: async (room) => (await token(room)).slice(0, -1) },
  'too long': { reason: 'malformed', make: async (room) => `${await token(room)}A` },
  'of another alphabet': { reason: 'malformed', make: async (room) => (await token(room)).replace('.', '+') },
  'percent-encoded': { reason: 'malformed', make: async (room) => (await token(room)).replace('.', '%2E') },
  'in quotes': { reason: 'malformed', make: async (room) => `"${await token(room)}"` },
  'with a forged proof': {
    reason: 'forged',
    make: async (room) => `${(await parts(room)).id}.${strangeId()}`,
  },
  'with the proof of another session': {
    reason: 'forged',
    make: async (room) => `${(await parts(room)).id}.${(await parts(room)).proof}`,
  },
  'with the id as its proof': {
    reason: 'forged',
    make: async (room) => `${(await parts(room)).id}.${(await parts(room)).id}`,
  },
  'of another cookie name': {
    reason: 'forged',
    make: async (room) => forge((await parts(room)).id, { cookieName: 'sid' }),
  },
  'of another secret': {
    reason: 'forged',
    make: async (room) => forge((await parts(room)).id, { secret: newerSecret }),
  },
  'of another purpose': {
    reason: 'forged',
    make: async (room) => forge((await parts(room)).id, { purpose: 'csrf-token' }),
  },
  'with an unknown id and a valid proof': { reason: 'unknown', make: () => forge(strangeId()) },
  destroyed: {
    reason: 'unknown',
    make: (room) => after(room, async (browser) => room.visit(browser, (session) => session.destroy())),
  },
  revoked: { reason: 'unknown', make: (room) => after(room, () => room.memory.deleteByUser('ann')) },
  expired: { reason: 'unknown', make: (room) => after(room, () => room.wait(hour)) },
  'expired by a stricter policy': {
    reason: 'expired',
    make: (room) => after(room.reopen({}), () => room.wait(hour)),
  },
  superseded: {
    reason: 'superseded',
    make: (room) => after(room, (browser) => room.visit(browser, (session) => session.login('bob'))),
  },
  'rotated away long ago': {
    reason: 'reused',
    make: (room) =>
      after(room, async (browser) => {
        await room.visit(browser, (session) => session.rotate())
        room.wait(2 * 60_000)
      }),
  },
  unreadable: {
    reason: 'unreadable',
    make: (room) =>
      after(room, async () => {
        const [[id, record] = []] = [...(await room.store.dump())].slice(-1)
        await room.memory.set(id!, { ...record!, payload: '{"format":2}' })
      }),
  },
  'one of two valid ones': {
    reason: 'ambiguous',
    make: async (room) => `${await token(room)}; __Host-Http-sid=${await token(room)}`,
  },
  'one of a crowd': {
    reason: 'ambiguous',
    make: () => Array.from({ length: 9 }, (_, at) => `x${at}`).join('; __Host-Http-sid='),
  },
}

/** Node refuses such a header before anybody sees the request. */
const badTokensOfTheWeb: Readonly<Record<string, BadToken>> = {
  ...badTokens,
  'in a header that is too long': {
    reason: 'oversized',
    make: async (room) => `${await token(room)}; pad=${'x'.repeat(20_000)}`,
  },
}

/** What the application does with a session that may or may not be there. */
const routes: Readonly<Record<string, LazyHandler>> = {
  async 'GET a page for everybody'(session) {
    const { isNew, userId } = await session()
    return new Response(`${isNew} ${userId ?? 'nobody'}`, { headers: { 'Cache-Control': 'max-age=60' } })
  },
  async 'GET a page for users'(session) {
    const { userId } = await session()
    return new Response(userId ?? 'Sign in.', { status: userId === null ? 401 : 200 })
  },
  async 'POST what needs a fresh proof'(session) {
    const loaded = await session()
    loaded.requireFresh({ maxAge: '5m' })
    return new Response('Done')
  },
  async 'POST logout'(session) {
    const loaded = await session()
    loaded.destroy()
    return Response.redirect('https://shop.test/', 303)
  },
  async 'POST login'(session) {
    const loaded = await session()
    loaded.login('eve')
    return Response.redirect('https://shop.test/', 303)
  },
}

describe.for(Object.entries(adapters))('ASVS-11.2.5 ASVS-16.5.3 behind %s', ([adapter, mount]) => {
  const kinds = /node|Express/.test(adapter) ? badTokens : badTokensOfTheWeb

  test.for(Object.entries(routes))(
    'all kinds of bad token get byte-identical responses: %s',
    async ([route, handler]) => {
      const answers = new Map<string, string[]>()
      for (const [kind, { make, reason }] of Object.entries(kinds)) {
        const room = openCloakroom({ lifetime })
        const browser = new Browser('https://shop.test', [['__Host-Http-sid', await make(room)]])
        room.events.length = 0
        const [method = ''] = route.split(' ')
        const response = await mount(room.sessions, handler)(browser.request('/', { method }))
        const rejection = room.events.find(({ type }) => type === 'rejected')
        expect(rejection, kind).toMatchObject({ reason })
        const text = await textOf(response)
        answers.set(text, [...(answers.get(text) ?? []), kind])
      }
      expect([...answers.values()]).toEqual([Object.keys(kinds)])
    },
  )

  test('a store that fails is an error, and no anonymous visit', async () => {
    for (const [route, handler] of Object.entries(routes)) {
      const room = openCloakroom({ lifetime })
      const browser = await room.welcome()
      const { cookie } = browser
      room.store.failWhen(() => 'fails')
      const [method = ''] = route.split(' ')
      const response = browser.receive(await mount(room.sessions, handler)(browser.request('/', { method })))
      expect([response.status, await response.text()], route).toEqual([500, sorry])
      expect(browser.cookie).toBe(cookie)
      room.store.heal()
      expect((await room.load(browser)).userId).toBe('ann')
    }
  })

  test('an error of the store says nothing that no other error says', async () => {
    const texts = new Set<string>()
    for (const value of [null, 'garbage', forge(strangeId())]) {
      const room = openCloakroom({ lifetime })
      room.store.failWhen(() => 'fails')
      const browser = new Browser('https://shop.test', value === null ? [] : [['__Host-Http-sid', value]])
      const server = mount(room.sessions, routes['POST login']!)
      texts.add(await textOf(await server(browser.request('/', { method: 'POST' }))))
    }
    expect([...texts]).toEqual([expect.stringMatching(/^500 /)])
  })
})

test('the forger makes the tokens that the library makes', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const { id } = await parts(room)
  expect(browser.value()).toBe(forge(browser.value().split('.')[0]!))
  expect((await room.load(new Browser(browser.origin, [['__Host-Http-sid', forge(id)]]))).userId).toBe('ann')
})

/** Status line, fields in their order, and body; a new token is like any other. */
async function textOf(response: Response): Promise<string> {
  const fields = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n')
  const head = `${response.status} ${response.statusText}\n${fields}`
  return `${head.replaceAll(/[\w-]{43}\.[\w-]{43}/g, 'a new token')}\n\n${await response.text()}`
}

/** The token of a new visitor who is signed in. */
async function token(room: Cloakroom<Goods>): Promise<string> {
  return (await room.welcome()).value()
}

async function parts(room: Cloakroom<Goods>): Promise<{ id: string; proof: string }> {
  const [id = '', proof = ''] = (await token(room)).split('.')
  return { id, proof }
}

/** The token of a visitor, from before something happened to the session. */
async function after(room: Cloakroom<Goods>, event: (browser: Browser) => unknown): Promise<string> {
  const browser = await room.welcome()
  const before = browser.value()
  await event(browser)
  return before
}

function forge(id: string, parts: Partial<Parameters<typeof proofOf>[0]> = {}): string {
  return `${id}.${proofOf({ id, secret, ...parts })}`
}
