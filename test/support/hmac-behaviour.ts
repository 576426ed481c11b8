import type { deriveHmac as deriveNode } from '../../packages/core/src/crypto/hmac-node.ts'
import type { deriveHmac as deriveWeb } from '../../packages/core/src/crypto/hmac-web.ts'
import { fromBase64url, toBase64url, utf8, type Bytes } from '../../packages/core/src/crypto/bytes.ts'
import { describe, expect, test } from 'vitest'
import vectors from '../vectors/hmac.json' with { type: 'json' }
import sealed from '../vectors/sealed.json' with { type: 'json' }

/** A way to derive keys that sign: one of the variants. */
export type DeriveHmac = typeof deriveNode | typeof deriveWeb

const secret = utf8('Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026')

function fromHex(text: string): Bytes {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}

/** What every variant does, in whatever runtime. */
export function describeHmac(name: string, deriveHmac: DeriveHmac): void {
  describe(name, () => {
    test.each(vectors.proofs)(
      'ASVS-11.4.1 a proof is the one that was made by another implementation: $note',
      async ({ secret, purpose, message, proof }) => {
        const hmac = await deriveHmac(fromHex(secret), purpose)
        expect(await hmac.sign(message)).toBe(proof)
        expect(await hmac.verify(message, proof)).toBe(true)
      },
    )

    test.each(sealed.sealed)('sealed tokens find their secret by it: $note', async ({ kid, secret }) => {
      const hmac = await deriveHmac(utf8(secret), 'coatcheck/v1/key-name')
      expect((await hmac.sign('')).slice(0, kid.length)).toBe(kid)
    })

    test('ASVS-11.2.3 a proof holds for its message, its purpose and its secret only', async () => {
      const hmac = await deriveHmac(secret, 'one')
      const proof = await hmac.sign('m')
      expect(await hmac.verify('m', proof)).toBe(true)
      for (const message of ['', 'n', 'M', 'm\0', ' m']) expect(await hmac.verify(message, proof)).toBe(false)
      expect(await (await deriveHmac(secret, 'another')).verify('m', proof)).toBe(false)
      expect(await (await deriveHmac(secret.slice(1), 'one')).verify('m', proof)).toBe(false)
    })

    test('ASVS-9.1.1 a proof with one bit changed is refused, whichever it is', async () => {
      const hmac = await deriveHmac(secret, 'one')
      const proof = fromBase64url(await hmac.sign('m'))
      expect(proof).toHaveLength(32)
      for (let bit = 0; bit < 256; bit++) {
        const changed = Uint8Array.from(proof)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect([bit, await hmac.verify('m', toBase64url(changed))]).toEqual([bit, false])
      }
    })

    test('ASVS-9.1.1 a proof of another length is refused, and never throws', async () => {
      const hmac = await deriveHmac(secret, 'one')
      const proof = fromBase64url(await hmac.sign('m'))
      for (const length of [0, 1, 2, 16, 31, 33, 64, 1000]) {
        const changed = new Uint8Array(length)
        changed.set(proof.subarray(0, length))
        expect([length, await hmac.verify('m', toBase64url(changed))]).toEqual([length, false])
      }
    })
  })
}
