import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase64url, toBase64url, utf8, type Bytes } from './bytes.ts'

const bytes = fc.uint8Array({ maxLength: 100 }).map((bytes): Bytes => Uint8Array.from(bytes))

// The examples of RFC 4648 §10 without padding, and the two characters that base64 spells differently.
test.each([
  ['', ''],
  ['f', 'Zg'],
  ['fo', 'Zm8'],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg'],
  ['fooba', 'Zm9vYmE'],
  ['foobar', 'Zm9vYmFy'],
  ['>>>???', 'Pj4-Pz8_'],
])('%j in base64url is %j, as RFC 4648 §10 has it', (text, encoded) => {
  expect(toBase64url(utf8(text))).toBe(encoded)
  expect(fromBase64url(encoded)).toEqual(utf8(text))
})

test('any bytes come back from base64url, which is safe in a cookie and in a URL', () => {
  fc.assert(
    fc.property(bytes, (bytes) => {
      const text = toBase64url(bytes)
      expect(text).toMatch(/^[A-Za-z0-9_-]*$/)
      expect(text).toHaveLength(Math.ceil((bytes.length * 4) / 3))
      expect(fromBase64url(text)).toEqual(bytes)
    }),
    { seed: 4648, numRuns: 500 },
  )
})

test('text is encoded as UTF-8', () => {
  expect([...utf8('aä€🍪')]).toEqual([0x61, 0xc3, 0xa4, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x8d, 0xaa])
})
