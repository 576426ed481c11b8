import type { SessionEvent } from '@coatcheck/core'
import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, newerSecret, secret, type Goods } from '../../../../test/support/cloakroom.ts'
import {
  browserWith,
  jarOf,
  openSealed,
  type SealedCloakroom,
} from '../../../../test/support/sealed-cloakroom.ts'

const word = 'plaintext-of-the-data'

/** A life of a session that brings forth events and errors of many kinds, and what of it was visible. */
async function live(options: Parameters<typeof openSealed<Goods>>[0]) {
  const room = openSealed(options)
  const shown: unknown[] = []
  const tokens = new Set<string>()
  const browser = new Browser()
  const step = async (
    where: SealedCloakroom<Goods>,
    handler: Parameters<typeof where.visit>[1],
    who = browser,
  ): Promise<void> => {
    shown.push(await where.sessions.explain(who.request()))
    const visit = where.visit(who, (session) => {
      shown.push(session, session.toJSON())
      return handler(session)
    })
    await visit.catch((error: unknown) => shown.push(error))
    for (const value of jarOf(who).values()) tokens.add(value)
  }
  await step(room, (session) => session.set('notice', word))
  await step(room, (session) => session.login('ann', { amr: ['pwd'] }))
  await step(room, (session) => session.set('cart', [word.repeat(400)]))
  const copy = browser.copy()
  await step(room, (session) => session.rotate())
  await step(room, (session) => session.set('notice', word.repeat(9000)))
  await step(room, (session) => session.set('notice', word), copy)
  await step(room.reopen({ ...options, secrets: [newerSecret, secret] }), () => {})
  await step(room.reopen({ ...options, secrets: ['x' + newerSecret.slice(1)] }), () => {})
  const mixed = browserWith([...jarOf(copy).entries(), ...jarOf(browser).entries()])
  await step(room, () => {}, mixed)
  room.store.failWhen(() => 'fails')
  await step(room, (session) => session.destroy())
  room.store.heal()
  room.wait(hour)
  await step(room, () => {}, copy)
  await step(room, () => {})
  shown.push(await room.sessions.describe(), room.sessions, room.sessions.keyUse(), ...room.events)
  const dump = await room.store.dump()
  return { shown, tokens, events: room.events, dump: JSON.stringify([...dump]) }
}

/** All text of a value, its causes included. */
function textOf(value: unknown): string {
  if (!(value instanceof Error)) {
    const error = typeof value === 'object' && value !== null && 'error' in value ? textOf(value.error) : ''
    return (JSON.stringify(value) ?? String(value)) + error
  }
  const own = JSON.stringify(value, Object.getOwnPropertyNames(value))
  return [value.name, value.message, value.stack, own, textOf(value.cause ?? null)].join('\n')
}

/** What is hidden, and each long piece of it. */
function piecesOf(tokens: ReadonlySet<string>): string[] {
  const pieces = [...tokens].flatMap((token) => token.split(/[.~]/)).filter((piece) => piece.length > 12)
  return [...tokens, ...pieces, secret, newerSecret, word]
}

describe.for([
  ['a revocation store', {}],
  ['strict', { strict: true }],
  ['no revocation', { revocation: 'none' }],
] as const)('with %s,', ([, options]) => {
  test('ASVS-16.2.5 no secret, token or data is in an event, an error, an explanation or a description', async () => {
    const { events, shown, tokens } = await live(options)
    // So much has to have happened for this to say anything.
    const types = new Set(events.map(({ type }: SessionEvent) => type))
    for (const type of ['created', 'login', 'updated', 'rotated', 'old-key', 'rejected'] as const)
      expect(types).toContain(type)
    expect(shown.filter((each) => each instanceof Error).length).toBeGreaterThan(0)
    expect(tokens.size).toBeGreaterThan(6)
    const text = shown.map(textOf).join('\n')
    expect(text).toContain('ERR_SESSION_TOO_LARGE')
    for (const hidden of piecesOf(tokens)) expect(text).not.toContain(hidden)
  })

  test('none of them is in the revocation store, nor a text that works as a cookie', async () => {
    const { dump, tokens } = await live(options)
    for (const hidden of piecesOf(tokens)) expect(dump).not.toContain(hidden)
    const room = openSealed(options)
    for (const piece of dump.match(/[\w.-]{12,}/g) ?? []) {
      expect((await room.load(browserWith([['__Host-Http-sid', piece]]))).isNew).toBe(true)
    }
  })
})

describe('ASVS-14.3.3 the cookie', () => {
  test('shows nothing of the data, of the user or of the id, be it in one part or in many', async () => {
    const room = openSealed()
    for (const repeats of [1, 400]) {
      const browser = await room.welcome((session) => {
        session.login('ann-of-the-green-house', { label: 'Firefox on Linux' })
        session.set('notice', word.repeat(repeats))
      })
      const { handle, id } = await room.load(browser)
      const pieces = [...jarOf(browser).values()].flatMap((value) => value.split(/[.~]/))
      const readings = pieces.flatMap((piece) => [piece, latin1(piece)])
      expect(readings.join('\n')).toContain('"enc":"A256GCM"')
      for (const hidden of [word, 'ann-of', 'Firefox', 'createdAt', id!, handle!]) {
        for (const reading of readings) expect(reading).not.toContain(hidden)
      }
    }
  })

  test('is another one each time, also for the same data', async () => {
    const room = openSealed()
    const values = new Set<string>()
    for (let step = 0; step < 20; step++) {
      values.add((await room.welcome((session) => session.set('views', 1))).value())
    }
    expect(values.size).toBe(20)
    const tails = [...values].map((value) => value.slice(value.indexOf('..')).slice(0, 18))
    expect(new Set(tails).size).toBe(20)
  })

  test('is kept from scripts: every part is HttpOnly and Secure', async () => {
    const room = openSealed()
    const { setCookies } = await room.visit(new Browser(), (session) =>
      session.set('notice', 'x'.repeat(9000)),
    )
    expect(setCookies.length).toBeGreaterThan(2)
    for (const field of setCookies) expect(field).toMatch(/; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
  })
})

/** The text that base64 gives when nothing is decrypted. */
function latin1(piece: string): string {
  const whole = piece.replaceAll('-', '+').replaceAll('_', '/')
  try {
    return atob(whole.slice(0, whole.length - (whole.length % 4)))
  } catch {
    return ''
  }
}
