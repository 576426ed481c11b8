import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { openSealed } from '../../../../test/support/sealed-cloakroom.ts'

const seed = 20_261_121
const name = '__Host-Http-sid'

/** Something that is done to a Cookie header. */
type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'drop'; readonly at: number; readonly length: number }
  | { readonly kind: 'repeat' | 'remove'; readonly pair: number }
  | { readonly kind: 'swap'; readonly pair: number; readonly other: number }
  | { readonly kind: 'rename'; readonly pair: number; readonly number: number }
  | { readonly kind: 'mix'; readonly pair: number }
  | { readonly kind: 'insert'; readonly at: number; readonly text: string }

const place = fc.nat(20_000)
const pair = fc.nat(7)
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat(6) }),
  fc.record({ kind: fc.constant('cut' as const), at: place }),
  fc.record({ kind: fc.constant('drop' as const), at: place, length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constantFrom('repeat' as const, 'remove' as const), pair }),
  fc.record({ kind: fc.constant('swap' as const), pair, other: pair }),
  fc.record({ kind: fc.constant('rename' as const), pair, number: fc.nat(17) }),
  fc.record({ kind: fc.constant('mix' as const), pair }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: place,
    text: fc.constantFrom('; ', '=', '~', '.', `; ${name}=`, ' ', '\t', 'ä', '\u0000', `; ${name}.1=1~`),
  }),
)

function mutate(header: string, other: string, step: Mutation): string {
  const pairs = header.split('; ')
  const [at, to] = [
    'pair' in step ? step.pair % pairs.length : 0,
    'other' in step ? step.other % pairs.length : 0,
  ]
  const [key = '', value = ''] = pairs[at]!.split('=')
  switch (step.kind) {
    case 'flip': {
      const index = step.at % header.length
      const code = header.charCodeAt(index) ^ (1 << step.bit)
      return header.slice(0, index) + String.fromCharCode(code) + header.slice(index + 1)
    }
    case 'cut':
      return header.slice(0, step.at % header.length)
    case 'drop':
      return header.slice(0, step.at % header.length) + header.slice((step.at % header.length) + step.length)
    case 'repeat':
      return [...pairs, pairs[at]].join('; ')
    case 'remove':
      return pairs.toSpliced(at, 1).join('; ')
    case 'swap': {
      const otherValue = pairs[to]!.split('=')[1] ?? ''
      return pairs
        .with(at, `${key}=${otherValue}`)
        .with(to, `${pairs[to]!.split('=')[0]}=${value}`)
        .join('; ')
    }
    case 'rename':
      return pairs.with(at, `${step.number === 0 ? name : `${name}.${step.number}`}=${value}`).join('; ')
    case 'mix': {
      const strange = other.split('; ')
      return pairs.with(at, strange[at % strange.length]!).join('; ')
    }
    case 'insert':
      return header.slice(0, step.at % header.length) + step.text + header.slice(step.at % header.length)
  }
}

test('whatever becomes of a Cookie header, it leads to its session or to a new one, and never throws', async () => {
  const room = openSealed()
  const headers: string[] = []
  for (const size of [1, 5000, 9000]) {
    const browser = await room.welcome((session) => {
      session.login('ann')
      session.set('notice', 'x'.repeat(size))
    })
    headers.push(browser.cookie!)
  }
  const other = (
    await room.welcome((session) => {
      session.login('bob')
      session.set('notice', 'y'.repeat(9000))
    })
  ).cookie!
  const known = new Set<string>()
  for (const cookie of [...headers, other]) {
    const pairs = cookie.split('; ').map((text) => text.split('=') as [string, string])
    const session = await room.load(new Browser('https://shop.test', pairs))
    known.add(JSON.stringify([session.userId, session.get('notice')]))
  }
  let [same, anew] = [0, 0]
  await fc.assert(
    fc.asyncProperty(
      fc.nat(2),
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      async (which, mutations) => {
        let header = headers[which]!
        for (const step of mutations) header = mutate(header || ' ', other, step)
        // As a server sees it: what a Headers object would refuse has come over the wire all the same.
        const get = (field: string): string | null => (field === 'cookie' ? header : null)
        const session = await room.sessions.load({ url: 'https://shop.test/', headers: { get } })
        if (session.isNew) {
          expect([session.userId, session.keys()]).toEqual([null, []])
          anew++
        } else {
          expect(known).toContain(JSON.stringify([session.userId, session.get('notice')]))
          same++
        }
      },
    ),
    { seed, numRuns: 4000 },
  )
  // Neither outcome is the only one, so both have been looked at.
  expect(Math.min(same, anew)).toBeGreaterThan(200)
  const reasons = new Set(room.events.flatMap((event) => (event.type === 'rejected' ? [event.reason] : [])))
  expect([...reasons].toSorted()).toEqual(['forged', 'malformed'])
})

test('any text at all as the cookie leads to a new session', async () => {
  const room = openSealed()
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.stringMatching(/^~\d{1,6}~[\w.-]{0,60}$/),
    fc.stringMatching(/^[\w-]{1,80}\.\.[\w-]{16}\.[\w-]{0,60}\.[\w-]{22}$/),
  )
  await fc.assert(
    fc.asyncProperty(text, fc.nat(16), async (value, number) => {
      const header = `${name}=${value}; ${name}.${number}=${value}`
      const get = (field: string): string | null => (field === 'cookie' ? header : null)
      const session = await room.sessions.load({ url: 'https://shop.test/', headers: { get } })
      expect(session.isNew).toBe(true)
    }),
    { seed, numRuns: 2000 },
  )
  expect(room.store.takeCalls()).toEqual([])
})
