import { expect, test } from 'vitest'
import { maxCookieHeader } from '../cookie/cookie-header.ts'
import { createKeyring } from '../crypto/keyring.ts'
import { createTokenSigner } from '../crypto/token-signer.ts'
import type { SessionId } from '../crypto/token.ts'
import type { Store } from '../store/store.ts'
import { readCredential } from './credential.ts'
import type { SessionEvent } from './events.ts'
import { createSessionManager } from './store-manager.ts'

const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const newest = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const stranger = 'qJ7KFCq6vw7iFXsj0bZzwawkbS3MFG4CEBMUbFzgjlk'
const name = '__Host-Http-sid'
const ring = createKeyring([newest, older])
const signer = createTokenSigner(ring, name)
const olderSigner = createTokenSigner(createKeyring([older]), name)
const forger = createTokenSigner(createKeyring([stranger]), name)
const otherCookie = createTokenSigner(ring, 'sid')

const a = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw' as SessionId
const b = 'ISoF61lOcJKuX5pABGsMATEACh_z3Aqbl4ZONO7zENQ' as SessionId
const tokenA = await signer.issue(a)
const tokenB = await signer.issue(b)
const forged = await forger.issue(a)
const read = async (...pairs: string[]) => readCredential(pairs.join('; '), name, signer)

test('a token of ours names its session, wherever it stands', async () => {
  const found = { id: a, keyIndex: 0 }
  expect(await read(`${name}=${tokenA}`)).toEqual(found)
  expect(await read('theme=dark', `${name}=${tokenA}`, 'sid=1')).toEqual(found)
  expect(await read(`${name}=${await olderSigner.issue(a)}`)).toEqual({ id: a, keyIndex: 1 })
})

test.each([
  ['no cookie at all', ''],
  ['other cookies', 'theme=dark; lang=de'],
  ['a cookie whose name is spelt differently', `__host-http-sid=${tokenA}`],
  ['the cookie of another transport', `sid=${tokenA}`],
  ['a nameless cookie', `=${name}=${tokenA}`],
])('%s is nothing of ours, and no reason to say anything', async (_, header) => {
  expect(await read(header)).toEqual({ id: null, reason: null })
})

test.each([
  ['malformed', 'an empty value', ''],
  ['malformed', 'text', 'hello'],
  ['malformed', 'quotes around a valid token', `"${tokenA}"`],
  ['malformed', 'an id alone', a],
  ['forged', 'a token of somebody else’s secret', forged],
  ['forged', 'a token of another cookie', await otherCookie.issue(a)],
  ['forged', 'the proof of another session', `${a}.${tokenB.slice(44)}`],
])('%s: %s', async (reason, _, value) => {
  expect(await read(`${name}=${value}`)).toEqual({ id: null, reason })
})

test('one and the same token twice is one', async () => {
  expect(await read(`${name}=${tokenA}`, `${name}=${tokenA}`)).toEqual({ id: a, keyIndex: 0 })
})

test.each([
  ['malformed', [`${name}=x`]],
  ['forged', [`${name}=${forged}`]],
  ['empty', [`${name}=`]],
])('RFC6265bis-8.6 a planted cookie that is %s stands in nobody’s way', async (_, planted) => {
  const own = `${name}=${tokenA}`
  expect(await read(...planted, own)).toEqual({ id: a, keyIndex: 0 })
  expect(await read(own, ...planted)).toEqual({ id: a, keyIndex: 0 })
})

test('RFC6265bis-4.2.2 RFC6265bis-8.6 two valid sessions are refused, both, in either order', async () => {
  const [pairA, pairB] = [`${name}=${tokenA}`, `${name}=${tokenB}`]
  for (const pairs of [
    [pairA, pairB],
    [pairB, pairA],
    [pairA, `${name}=x`, pairB],
  ]) {
    expect(await read(...pairs)).toEqual({ id: null, reason: 'ambiguous' })
  }
})

test('a session that comes with an old and a new proof needs no third one', async () => {
  // A renewal replaces one of two copies (partitioned and not, say); the other must not ask for it for ever.
  const pairs = [`${name}=${await olderSigner.issue(a)}`, `${name}=${tokenA}`]
  expect(await read(...pairs)).toEqual({ id: a, keyIndex: 0 })
  expect(await read(...pairs.toReversed())).toEqual({ id: a, keyIndex: 0 })
})

test('eight candidates are looked at, and of nine none', async () => {
  const planted = Array.from({ length: 8 }, (_, at) => `${name}=planted-${at}`)
  const own = `${name}=${tokenA}`
  expect(await read(...planted.slice(1), own)).toEqual({ id: a, keyIndex: 0 })
  expect(await read(...planted, own)).toEqual({ id: null, reason: 'ambiguous' })
  // Copies of one value are one candidate.
  expect(await read(...planted.slice(1), ...planted.slice(1), own, own)).toEqual({ id: a, keyIndex: 0 })
})

test('16 KiB of header are read, and one more character is too many', async () => {
  const own = `${name}=${tokenA}`
  const padded = (length: number) => `${own}; ${'x'.repeat(length - own.length - 2)}`
  expect(padded(maxCookieHeader)).toHaveLength(16_384)
  expect(await read(padded(maxCookieHeader))).toEqual({ id: a, keyIndex: 0 })
  expect(await read(padded(maxCookieHeader + 1))).toEqual({ id: null, reason: 'oversized' })
})

test('CSC-input ASVS-9.1.2 no cryptography is done for what has not the form of a token', async () => {
  const refuse = () => Promise.reject(new Error('not to be called'))
  const untouchable = { issue: refuse, verify: refuse, recall: () => null }
  for (const value of ['', 'x', `"${tokenA}"`, `${tokenA}x`, 'x'.repeat(5000)]) {
    expect(await readCredential(`${name}=${value}`, name, untouchable)).toEqual({
      id: null,
      reason: 'malformed',
    })
  }
})

/** A store that has every session anybody asks for, and counts the calls. */
function countingStore(): { readonly store: Store; readonly calls: SessionId[] } {
  const calls: SessionId[] = []
  const payload = JSON.stringify({
    format: 1,
    createdAt: 0,
    seenAt: 0,
    authenticatedAt: null,
    data: { admin: true },
  })
  const call = async (id: SessionId) => {
    calls.push(id)
    return { payload, expiresAt: 1e15, userId: 'admin', version: 1 }
  }
  return {
    calls,
    store: {
      get: call,
      set: async (id) => void (await call(id)),
      delete: async (id) => void (await call(id)),
    },
  }
}

/** mulberry32: other headers each time, and the same ones in each run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const lastOfPart = 'AEIMQUYcgkosw048'
const oddities = [';', '=', ',', ' ', '\t', '"', '%', '\0', '\n', '\u00e9', '\ud800', '.', '..', '__proto__']

/** Makes `Cookie` headers none of which names one valid session. */
function createForgery(random: (below: number) => number): () => string {
  const characters = (from: string, count: number): string =>
    Array.from({ length: count }, () => from[random(from.length)]!).join('')
  const part = (): string => characters(alphabet, 42) + characters(lastOfPart, 1)
  /** One character of a valid token is another. */
  const flipped = (): string => {
    const at = random(tokenA.length)
    const others = alphabet.replace(tokenA[at]!, '')
    return tokenA.slice(0, at) + others[random(others.length)]! + tokenA.slice(at + 1)
  }
  const values: readonly (() => string)[] = [
    () => '',
    () => oddities[random(oddities.length)]!,
    () => characters(alphabet, random(100)),
    () => part(),
    () => `${part()}.${part()}`,
    () => `${a}.${part()}`,
    () => `${part()}.${tokenA.slice(44)}`,
    () => `${a}.${tokenB.slice(44)}`,
    () => flipped(),
    () => tokenA.slice(0, random(tokenA.length)),
    () => `"${tokenA}"`,
    () => `${tokenA}${characters(alphabet, 1 + random(3))}`,
    () => tokenA.toUpperCase(),
    () => encodeURIComponent(`${tokenA};`),
    () => forged,
    () => `${tokenA.slice(0, 20)}${oddities[random(oddities.length)]!}${tokenA.slice(20)}`,
  ]
  const value = (): string => values[random(values.length)]!()
  const separator = (): string => ['; ', ';', ' ; ', ';;', ';\t'][random(5)]!
  const headers: readonly (() => string)[] = [
    () => Array.from({ length: 1 + random(4) }, () => `${name}=${value()}`).join(separator()),
    () => Array.from({ length: 1 + random(4) }, () => `${name} \t=\t ${value()}`).join(separator()),
    () => `${name}=${tokenA}${separator()}${name}=${tokenB}`,
    () => `__host-http-sid=${tokenA}${separator()}sid=${tokenA}${separator()}${name}x=${tokenA}`,
    () => `=${name}=${tokenA}${separator()}${name}${separator()}${tokenA}`,
    () => `theme=${name}=${tokenA}, ${name}=${tokenA}`,
    () =>
      Array.from({ length: 9 + random(9) }, (_, at) => `${name}=${at}`).join('; ') + `; ${name}=${tokenA}`,
    () => characters(alphabet + ';= \t"', random(300)),
    () => `${name}=${tokenA};${' '.repeat(maxCookieHeader)}`,
  ]
  return () => headers[random(headers.length)]!()
}

test(
  '20 000 malformed and forged headers: load never rejects, never asks the store, and finds nobody',
  { timeout: 120_000 },
  async () => {
    const { calls, store } = countingStore()
    const events: SessionEvent[] = []
    const sessions = createSessionManager({
      secrets: [newest, older],
      store,
      onEvent: (event) => events.push(event),
    })
    events.length = 0 // The one about the store's abilities.
    const forge = createForgery(createRandom(7))
    for (let run = 0; run < 20_000; run++) {
      const header = forge()
      const headers = { get: (field: string) => (field === 'cookie' ? header : null) }
      const session = await sessions.load({ url: 'https://example.com/', headers })
      if (!session.isNew || calls.length > 0) expect.unreachable(`${JSON.stringify(header)} led to a session`)
    }
    const reasons = new Set(events.map((event) => (event.type === 'rejected' ? event.reason : event.type)))
    expect([...reasons].toSorted()).toEqual(['ambiguous', 'forged', 'malformed', 'oversized'])
    // The same store does answer to a token of ours.
    const headers = { get: (field: string) => (field === 'cookie' ? `${name}=${tokenA}` : null) }
    await sessions.load({ url: 'https://example.com/', headers })
    expect(calls).toEqual([a])
  },
)
