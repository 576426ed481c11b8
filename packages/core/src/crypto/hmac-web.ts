import { fromBase64url, toBase64url, utf8, type Bytes } from './bytes.ts'
import type { Hmac } from './hmac.ts'

const algorithm = { name: 'HMAC', hash: 'SHA-256', length: 256 } as const

/** The key that HKDF (RFC 5869) derives of a secret for a purpose: by WebCrypto, which every runtime has. */
export async function deriveHmac(secret: Bytes, purpose: string): Promise<Hmac> {
  const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: utf8(''), info: utf8(purpose) }
  const key = await crypto.subtle.deriveKey(derivation, base, algorithm, false, ['sign', 'verify'])
  return {
    sign: async (message) =>
      toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(message)))),
    verify: async (message, proof) => crypto.subtle.verify('HMAC', key, fromBase64url(proof), utf8(message)),
  }
}
