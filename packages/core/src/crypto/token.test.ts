import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { fromBase64url, toBase64url, type Bytes } from './bytes.ts'
import { formatToken, isSessionId, newSessionId, parseToken, type SessionId } from './token.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const id = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw'
const proof = 'ISoF61lOcJKuX5pABGsMATEACh_z3Aqbl4ZONO7zENQ'

const bytes32 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => toBase64url(Uint8Array.from(bytes)))

test('ASVS-7.2.3 ASVS-11.5.1 NIST-5.1 an id is 32 bytes of the runtime’s secure random source, each given out once, and nothing else', () => {
  const given: Bytes[] = []
  const source = vi.spyOn(crypto, 'getRandomValues').mockImplementation((array) => {
    const bytes = array as unknown as Bytes
    bytes.forEach((_, at) => (bytes[at] = (at * 37 + (at >> 5) + given.length) % 256))
    given.push(bytes.slice())
    return array
  })
  try {
    const ids = Array.from({ length: 100 }, newSessionId)
    expect(given.length).toBeGreaterThan(1)
    // What was in store before the test comes first; then every 32 bytes of the source make one id, in order.
    const made = given.flatMap((bytes) =>
      Array.from({ length: bytes.length / 32 }, (_, at) => toBase64url(bytes.slice(at * 32, at * 32 + 32))),
    )
    const before = ids.indexOf(made[0] as SessionId)
    expect(before).toBeGreaterThanOrEqual(0)
    expect(ids.slice(before)).toEqual(made.slice(0, 100 - before))
    expect(source.mock.contexts.every((context) => context === crypto)).toBe(true)
  } finally {
    source.mockRestore()
  }
})

test('ASVS-7.2.2 ASVS-7.2.3 ASVS-11.5.2 no id comes twice, and each has the form of one', () => {
  const ids = new Set<string>()
  for (let count = 0; count < 100_000; count++) ids.add(newSessionId())
  expect(ids.size).toBe(100_000)
  expect([...ids].every(isSessionId)).toBe(true)
})

test('a token is id and proof with a dot between, and is taken apart again', () => {
  expect(formatToken(newSessionId(), proof)).toMatch(/^[\w-]{43}\.[\w-]{43}$/)
  expect(parseToken(`${id}.${proof}`)).toEqual({ id, proof })
  fc.assert(
    fc.property(bytes32, bytes32, (id, proof) => {
      expect(parseToken(`${id}.${proof}`)).toEqual({ id, proof })
    }),
    { seed: 43, numRuns: 500 },
  )
})

test('each id has one spelling: the last character carries four bits, not six', () => {
  const stem = id.slice(0, -1)
  const accepted = alphabet.split('').filter((last) => isSessionId(stem + last))
  expect(accepted.join('')).toBe('AEIMQUYcgkosw048')
  const decoded = accepted.map((last) => toBase64url(fromBase64url(stem + last)))
  expect(decoded).toEqual(accepted.map((last) => stem + last))
})

test('CSC-input the grammar takes exactly what 32 bytes encode to', () => {
  const nearly = fc.tuple(bytes32, fc.nat({ max: 42 }), fc.constantFrom(...alphabet.split(''))).map(
    // One character is replaced: by chance it still is an encoding of 32 bytes, or not.
    ([text, at, character]) => text.slice(0, at) + character + text.slice(at + 1),
  )
  fc.assert(
    fc.property(nearly, (text) => {
      const canonical = toBase64url(fromBase64url(text)) === text
      expect(isSessionId(text)).toBe(canonical)
      expect(parseToken(`${text}.${proof}`) !== null).toBe(canonical)
      expect(parseToken(`${id}.${text}`) !== null).toBe(canonical)
    }),
    { seed: 3_5, numRuns: 1000 },
  )
})

test.each([
  ['nothing', ''],
  ['a dot', '.'],
  ['an id alone', id],
  ['an id and a dot', `${id}.`],
  ['a proof alone', `.${proof}`],
  ['two dots', `${id}..${proof}`],
  ['a third part', `${id}.${proof}.${proof}`],
  ['another separator', `${id}:${proof}`],
  ['no separator', `${id}${proof}`],
  ['a space in front', ` ${id}.${proof}`],
  ['a line feed behind', `${id}.${proof}\n`],
  ['a NUL behind', `${id}.${proof}\0`],
  ['quotes around', `"${id}.${proof}"`],
  ['padding', `${id}=.${proof}=`],
  ['an id that is too short', `${id.slice(1)}.${proof}`],
  ['an id that is too long', `A${id}.${proof}`],
  ['a proof that is too short', `${id}.${proof.slice(1)}`],
  ['a proof that is too long', `${id}.A${proof}`],
  ['base64 in place of base64url', `${id.replaceAll('-', '+').replaceAll('_', '/')}.${proof}`],
  ['a percent escape', `%55${id.slice(1)}.${proof}`],
  ['a character of another script', `U\u039d6${id.slice(3)}.${proof}`],
  ['a digit of another script', `\uff11${id.slice(1)}.${proof}`],
  ['two lines', `${id}.${proof}\n${id}.${proof}`],
  ['half a surrogate pair', `\ud800${id.slice(1)}.${proof}`],
])('%s is not a token', (_, text) => {
  expect(parseToken(text)).toBeNull()
  expect(isSessionId(text.split('.')[0]!) && isSessionId(text.slice(44))).toBe(false)
})

const anyText = fc.string({ unit: fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code)) })

test('text that nobody made into a token is none', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(parseToken(text)).toBeNull()
    }),
    { seed: 87, numRuns: 500 },
  )
})
