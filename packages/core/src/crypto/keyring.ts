import { check } from '../errors.ts'
import { fromBase64url, toBase64url, utf8, type Bytes } from './bytes.ts'
import { assertStrongSecret } from './secret.ts'

/**
 * The secrets, newest first: the first signs, all verify. Each is at least 32 bytes of randomness. To change
 * a secret, put the new one in front; drop the old one when its cookies have been renewed or have expired.
 */
export type Secrets = readonly [current: string, ...previous: string[]]

/** What a proof is for. A key serves one purpose only, so a proof made for one is worthless for another. */
export type Purpose = 'session-token'

/** Signs with the newest secret and verifies with all. */
export interface Keyring {
  /** The proof of a message: HMAC-SHA-256 in base64url. */
  sign(purpose: Purpose, message: string): Promise<string>
  /** The index of the secret that made the proof, or -1 when none did. */
  verify(purpose: Purpose, message: string, proof: string): Promise<number>
}

const hmac = { name: 'HMAC', hash: 'SHA-256', length: 256 } as const

/** Makes a ring of secrets; throws `ERR_SESSION_CONFIG` when it is empty or one of them is weak. */
export function createKeyring(secrets: Secrets): Keyring {
  check(Array.isArray(secrets) && secrets.length > 0, 'secrets', 'must be an array of secrets, newest first')
  const keys = secrets.map((secret: unknown, index) => {
    assertStrongSecret(secret, `secrets[${index}]`)
    return subkeysOf(utf8(secret))
  })
  return {
    async sign(purpose, message) {
      const key = await keys[0]!(purpose)
      return toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, signed(purpose, message))))
    },
    async verify(purpose, message, proof) {
      const signature = fromBase64url(proof)
      const bytes = signed(purpose, message)
      for (const [index, subkey] of keys.entries()) {
        if (await crypto.subtle.verify('HMAC', await subkey(purpose), signature, bytes)) return index
      }
      return -1
    },
  }
}

/** The keys of one secret: derived by HKDF (RFC 5869) at first use, then kept. */
function subkeysOf(secret: Bytes): (purpose: Purpose) => Promise<CryptoKey> {
  // The key itself is kept and not its promise: in workerd a promise belongs to the request that made it.
  const derived = new Map<Purpose, CryptoKey>()
  return async (purpose) => {
    const known = derived.get(purpose)
    if (known !== undefined) return known
    const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
    const derivation = {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: new Uint8Array(),
      info: utf8(`coatcheck/v1/${purpose}`),
    }
    const key = await crypto.subtle.deriveKey(derivation, base, hmac, false, ['sign', 'verify'])
    derived.set(purpose, key)
    return key
  }
}

function signed(purpose: Purpose, message: string): Bytes {
  return utf8(`${purpose}\0${message}`)
}
