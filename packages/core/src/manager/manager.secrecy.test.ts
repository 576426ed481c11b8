import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { newerSecret, openCloakroom, secret } from '../../../../test/support/cloakroom.ts'
import { mistakes, play, rejections, scenes, type Scene } from '../../../../test/support/scenes.ts'

const everything = Object.entries({ ...scenes, ...rejections, ...mistakes })

/** What nobody but the browser and the server's configuration may know: tokens, their proofs, and the secrets. */
function secretsOf({ tokens }: Scene): string[] {
  // A proof, or the parts of a sealed session; its key, which it has not, is an empty one.
  const proofs = [...tokens].flatMap((token) => token.split('.').slice(1)).filter((proof) => proof !== '')
  return [...tokens, ...proofs, secret, newerSecret]
}

/** All text of an error, its causes included. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? String(error)
  const own = JSON.stringify(error, Object.getOwnPropertyNames(error))
  return [error.name, error.message, error.stack, own, String(error), textOf(error.cause ?? null)].join('\n')
}

test.for(Object.entries(mistakes))('a mistake is told by one error of ours: %s', async ([, scene]) => {
  const { errors } = await play(scene)
  expect(errors).toEqual([expect.objectContaining({ name: 'SessionError', code: expect.any(String) })])
})

describe('ASVS-3.3.4 ASVS-16.2.5 no token, proof or secret', () => {
  test.for(everything)('is in an event: %s', async ([, scene]) => {
    const played = await play(scene)
    const text = played.events
      .map((event) => JSON.stringify(event) + ('error' in event ? textOf(event.error) : ''))
      .join('\n')
    for (const hidden of secretsOf(played)) expect(text).not.toContain(hidden)
  })

  test.for(everything)('is in an error: %s', async ([, scene]) => {
    const played = await play(scene)
    const text = played.errors.map(textOf).join('\n')
    for (const hidden of secretsOf(played)) expect(text).not.toContain(hidden)
  })

  test.for(everything)('is in the JSON of a session, and no data: %s', async ([, scene]) => {
    const played = await play(scene)
    const text = played.texts.join('\n')
    for (const hidden of [...secretsOf(played), 'views', 'cart']) expect(text).not.toContain(hidden)
  })

  test.for(everything)('is in the store: %s', async ([, scene]) => {
    const played = await play(scene)
    const records = await Promise.all(played.rooms.map(({ store }) => store.dump()))
    const text = JSON.stringify(records.map((dump) => [...dump]))
    for (const hidden of secretsOf(played)) expect(text).not.toContain(hidden)
  })

  test('is in the JSON of the manager or of the headers', async () => {
    const room = openCloakroom()
    const session = await room.load(new Browser())
    session.login('ann')
    const headers = await room.sessions.commit(session)
    expect(JSON.stringify(room.sessions)).toBe('{"now":{}}')
    expect(JSON.stringify(headers)).toBe('{"isEmpty":false}')
  })
})

test('ASVS-16.4.1 no event has a line break that the client sent', async () => {
  const room = openCloakroom()
  const values = ['a%0d%0ab', 'a\u0085b', 'a\u2028b', `${'A'.repeat(42)}E.${'A'.repeat(42)}E\u0085`]
  for (const value of values) {
    const request = {
      url: 'https://shop.test/',
      headers: { get: (name: string) => (name === 'cookie' ? `__Host-Http-sid=${value}` : null) },
    }
    await room.sessions.load(request)
  }
  expect(room.events).toEqual(values.map(() => ({ type: 'rejected', reason: 'malformed', id: null })))
})

describe('a leaked store', () => {
  test('CSC-store holds nothing that can be used as a cookie', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    await room.visit(browser, (session) => session.set('cart', ['hat']))
    await room.visit(browser, (session) => session.rotate())
    await room.visit(browser, (session) => session.login('bob'))
    await room.welcome((session) => session.set('views', 1))
    const dump = JSON.stringify([...(await room.store.dump())])
    const words = dump.match(/[\w-]{20,}/g) ?? []
    const ids = [...new Set(words)]
    // Two visitors, and what a login and a rotation have left behind.
    expect(ids.length).toBeGreaterThanOrEqual(4)
    const parts = [...ids, ...ids.flatMap((id) => [id.slice(1), `${id}A`])]
    const candidates = [
      dump.slice(0, 4000),
      ...parts,
      ...ids.flatMap((one) => ids.map((two) => `${one}.${two}`)),
    ]
    room.store.takeCalls()
    for (const value of candidates) {
      for (const name of ['__Host-Http-sid', 'sid']) {
        const origin = name === 'sid' ? 'http://localhost' : 'https://shop.test'
        const thief = new Browser(origin, [[name, encodeURIComponent(value)]])
        expect((await room.load(thief)).isNew).toBe(true)
        if (/^[\w.-]+$/.test(value)) {
          expect((await room.load(new Browser(origin, [[name, value]]))).isNew).toBe(true)
        }
      }
    }
    expect(room.store.takeCalls()).toEqual([])
    expect((await room.load(browser)).userId).toBe('bob')
  })
})
