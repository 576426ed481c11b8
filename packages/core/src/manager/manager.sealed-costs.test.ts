import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, secret, typesOf, type Goods } from '../../../../test/support/cloakroom.ts'
import { browserWith, openSealed, type SealedCloakroom } from '../../../../test/support/sealed-cloakroom.ts'
import type { Session } from '../index.ts'

type Handler = (session: Session<Goods>) => unknown

/** What is done in a visit, and the store calls that it may take: the first is that of the load. */
const withStore: readonly [what: string, handler: Handler, calls: readonly string[]][] = [
  ['nothing', () => {}, ['get']],
  ['a look', (session) => session.userId, ['get']],
  ['a change', (session) => session.set('views', 1), ['get']],
  ['a rotation', (session) => session.rotate(), ['get', 'compareAndSet']],
  ['a step-up', (session) => session.stepUp({ amr: ['otp'] }), ['get', 'compareAndSet']],
  ['a logout', (session) => session.destroy(), ['get', 'compareAndSet']],
]

describe.for([null, 'ann'])('of %s,', (who) => {
  // Nobody is there to step up.
  const possible = withStore.filter(([what]) => who !== null || what !== 'a step-up')
  test.for(possible)(
    'a visit with %s takes these calls of the revocation store',
    async ([, handler, calls]) => {
      const room = openSealed()
      const browser = await room.welcome((session) =>
        who ? session.login(who) : session.set('theme', 'dark'),
      )
      expect((await room.visit(browser, handler)).calls).toEqual(calls)
    },
  )
})

test('a visit that begins a session asks no store; a login binds the user', async () => {
  const room = openSealed()
  expect((await room.visit(new Browser(), (session) => session.set('views', 1))).calls).toEqual([])
  expect((await room.visit(new Browser(), (session) => session.login('ann'))).calls).toEqual([
    'get',
    'compareAndSet',
  ])
})

test('strict costs one conditional write for each change, and none for a look', async () => {
  const room = openSealed({ strict: true })
  const browser = await room.welcome()
  expect((await room.visit(browser, (session) => session.set('views', 1))).calls).toEqual([
    'get',
    'compareAndSet',
  ])
  expect((await room.visit(browser, (session) => session.get('views'))).calls).toEqual(['get'])
  expect((await room.visit(browser, (session) => session.rotate())).calls).toEqual(['get', 'compareAndSet'])
})

test('a session that has expired by itself takes no call', async () => {
  const room = openSealed()
  const browser = await room.welcome()
  room.wait(24 * hour)
  const { calls, events } = await room.visit(browser, () => {})
  expect([calls, events]).toEqual([[], [expect.objectContaining({ type: 'rejected', reason: 'expired' })]])
})

test('no call without a cookie of ours, or with one that nobody here has made', async () => {
  const room = openSealed()
  const browser = await room.welcome()
  const value = browser.value()
  const forged = value.slice(0, -30) + (value.at(-30) === 'A' ? 'B' : 'A') + value.slice(-29)
  const strangers = [
    new Browser(),
    browserWith([['theme', 'dark']]),
    browserWith([['__Host-Http-sid', 'stale']]),
    browserWith([['__Host-Http-sid', forged]]),
    browserWith([['__Host-Http-sid.1', value]]),
  ]
  for (const stranger of strangers) {
    const { calls, value: isNew } = await room.visit(stranger, (session) => session.isNew)
    expect([isNew, calls]).toEqual([true, []])
  }
})

test('revocation none: no call at all, whatever is done', async () => {
  const room = openSealed({ revocation: 'none' })
  const browser = await room.welcome()
  for (const [, handler] of withStore) {
    expect((await room.visit(browser, handler)).calls).toEqual([])
  }
  expect((await room.visit(browser, (session) => session.login('bob'))).calls).toEqual([])
})

/** Counts what WebCrypto is asked for. */
function countCrypto() {
  const { subtle } = crypto
  const decrypt = vi.spyOn(subtle, 'decrypt')
  const encrypt = vi.spyOn(subtle, 'encrypt')
  const derive = vi.spyOn(subtle, 'deriveKey')
  onTestFinished(() => {
    for (const spy of [decrypt, encrypt, derive]) spy.mockRestore()
  })
  return async (step: () => Promise<unknown>) => {
    const before = [decrypt, encrypt, derive].map(({ mock }) => mock.calls.length)
    await step()
    const [decrypts, encrypts, derives] = [decrypt, encrypt, derive].map(
      ({ mock }, at) => mock.calls.length - before[at]!,
    )
    return { decrypts, encrypts, derives }
  }
}

test.for(['store', 'none'] as const)(
  'a first read costs one decrypt, and the next ones of the same cookie nothing: %s',
  async (kind) => {
    const options = kind === 'none' ? { revocation: kind } : {}
    const count = countCrypto()
    const room = openSealed(options)
    const browser = await room.welcome()
    const look = (where: SealedCloakroom<Goods>) => () => where.visit(browser, (session) => session.userId)
    // The process that sealed it knows what is in it; another one derives the key at its first read.
    expect(await count(look(room))).toEqual({ decrypts: 0, encrypts: 0, derives: 0 })
    const elsewhere = room.reopen(options)
    expect(await count(look(elsewhere))).toMatchObject({ decrypts: 1, encrypts: 0 })
    expect(await count(look(elsewhere))).toEqual({ decrypts: 0, encrypts: 0, derives: 0 })
    let views = 0
    const change = () => elsewhere.visit(browser, (session) => session.set('views', ++views))
    // A process seals with one key of its own.
    expect(await count(change)).toEqual({ decrypts: 0, encrypts: 1, derives: 1 })
    expect(await count(change)).toEqual({ decrypts: 0, encrypts: 1, derives: 0 })
    const login = () => elsewhere.visit(browser, (session) => session.login('ann'))
    expect(await count(login)).toEqual({ decrypts: 0, encrypts: 1, derives: 0 })
  },
)

test('an anonymous visit costs no cryptography', async () => {
  const count = countCrypto()
  const room = openSealed()
  expect(await count(() => room.visit(new Browser(), (session) => session.get('views')))).toEqual({
    decrypts: 0,
    encrypts: 0,
    derives: 0,
  })
})

test('a ring of secrets costs one decrypt too: the token tells which of them made it', async () => {
  const others = ['A', 'B', 'C'].map((letter) => secret.replace('kW8d', `kW8${letter}`))
  const room = openSealed()
  const browser = await room.welcome()
  const ring = room.reopen({ secrets: [secret, ...others] })
  const count = countCrypto()
  expect(await count(() => ring.visit(browser, (session) => session.userId))).toMatchObject({ decrypts: 1 })
  expect(typesOf(ring.events)).not.toContain('rejected')
})
