import { Buffer } from 'node:buffer'
import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Bytes } from './bytes.ts'
import type { Hmac } from './hmac.ts'

/** As the variant for every runtime, by node:crypto: on Node, WebCrypto has each call wait for a thread. */
export function deriveHmac(secret: Bytes, purpose: string): Hmac {
  const key = createSecretKey(new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32)))
  const sign = (message: string): string => createHmac('sha256', key).update(message).digest('base64url')
  return {
    sign,
    verify(message, proof) {
      // Base64url is ASCII, and no bytes are made from text for less.
      const [given, made] = [Buffer.from(proof, 'latin1'), Buffer.from(sign(message), 'latin1')]
      return given.length === made.length && timingSafeEqual(given, made)
    },
  }
}
