import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import { utf8, type Bytes } from './bytes.ts'
import type { Hmac } from './hmac.ts'

/** As the variant for every runtime, by node:crypto: on Node, WebCrypto has each call wait for a thread. */
export function deriveHmac(secret: Bytes, purpose: string): Hmac {
  const key = createSecretKey(new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32)))
  const sign = (message: string): string => createHmac('sha256', key).update(message).digest('base64url')
  return {
    sign,
    verify(message, proof) {
      const [given, made] = [utf8(proof), utf8(sign(message))]
      return given.length === made.length && timingSafeEqual(given, made)
    },
  }
}
