import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { describeHmac } from '../../../../test/support/hmac-behaviour.ts'
import { fromBase64url, toBase64url, type Bytes } from './bytes.ts'
import { deriveHmac } from './hmac-node.ts'
import { deriveHmac as deriveByWeb } from './hmac-web.ts'

describeHmac('by node:crypto', deriveHmac)

/** Text of all kinds: halves of surrogate pairs too, which are no Unicode. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
  // Longer than a block of SHA-256, and than what is encoded in one piece.
  fc
    .tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.nat(5000))
    .map(([part, times]) => part.repeat(times)),
)
const secrets = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes): Bytes => Uint8Array.from(bytes))

test('both variants make the same proofs, and each verifies those of the other', async () => {
  await fc.assert(
    fc.asyncProperty(secrets, text, text, async (secret, purpose, message) => {
      // WebCrypto takes 1024 bytes of `info`; ours are short.
      const info = purpose.slice(0, 100)
      const [node, web] = [deriveHmac(secret, info), await deriveByWeb(secret, info)]
      const proof = await node.sign(message)
      expect(proof).toMatch(/^[\w-]{43}$/)
      expect(await web.sign(message)).toBe(proof)
      expect(node.verify(message, proof)).toBe(true)
      expect(await web.verify(message, proof)).toBe(true)
    }),
    { seed: 2104, numRuns: 300 },
  )
})

test('both variants say the same of any proof', async () => {
  const secret = Uint8Array.from({ length: 32 }, (_, at) => at)
  const [node, web] = [deriveHmac(secret, 'p'), await deriveByWeb(secret, 'p')]
  const proof = fromBase64url(await web.sign('m'))
  const spoilt = fc.tuple(fc.nat(31), fc.nat(255)).map(([at, mask]): Bytes => {
    const changed = Uint8Array.from(proof)
    changed[at]! ^= mask
    return changed
  })
  const other = fc.uint8Array({ maxLength: 70 }).map((bytes): Bytes => Uint8Array.from(bytes))
  const verdicts = { true: 0, false: 0 }
  await fc.assert(
    fc.asyncProperty(fc.oneof(spoilt, other, fc.constant(proof)), async (bytes) => {
      const given = toBase64url(bytes)
      const expected = given === toBase64url(proof)
      expect(node.verify('m', given)).toBe(expected)
      expect(await web.verify('m', given)).toBe(expected)
      verdicts[`${expected}`]++
    }),
    { seed: 4231, numRuns: 500 },
  )
  expect(Math.min(verdicts.true, verdicts.false)).toBeGreaterThan(50)
})

test('here nothing of it is a promise', () => {
  const hmac = deriveHmac(new Uint8Array(32), 'p')
  expect(hmac.sign('m')).toBeTypeOf('string')
  expect(hmac.verify('m', 'x')).toBe(false)
})
