import { fromBase64url, type Bytes } from './bytes.ts'
import type { Key } from './keyring.ts'

/** The keys of sealed tokens of one context: one for each salt, so that a nonce can only repeat where a salt does. */
export interface TokenKeys {
  /** The key of this secret and salt: a known one, or derived by HKDF. It is not kept yet. */
  derive(key: Key, salt: string): Promise<CryptoKey>
  /** Keeps a key that has proven itself. Were forged salts kept as well, they would drive out the real ones. */
  keep(key: Key, salt: string, tokenKey: CryptoKey): void
}

/** How many keys are kept for each secret, those used last. */
export const maxTokenKeys = 1000

const aes = { name: 'AES-GCM', length: 256 } as const
/** 9 bytes in base64url. */
const nameLength = 12
const names = new WeakMap<Key, string>()

/** What tokens call a secret (`kid`): 9 bytes by which it is found, and which tell nothing of it. */
export async function keyNameOf(key: Key): Promise<string> {
  const known = names.get(key)
  if (known !== undefined) return known
  const hmac = await key.subkey('key-name')
  const name = (await hmac.sign('')).slice(0, nameLength)
  names.set(key, name)
  return name
}

/** The keys of the context that `info` names (RFC 5869 §3.2). */
export function createTokenKeys(info: Bytes): TokenKeys {
  const bases = new WeakMap<Key, CryptoKey>()
  // By the secret, so that they go when it does. Keys and no promises: in workerd these belong to one request.
  const kept = new WeakMap<Key, Map<string, CryptoKey>>()
  return {
    async derive(key, salt) {
      const known = kept.get(key)?.get(salt)
      if (known !== undefined) return known
      const base = bases.get(key) ?? (await key.base())
      bases.set(key, base)
      const derivation = { name: 'HKDF', hash: 'SHA-256', salt: fromBase64url(salt), info }
      return crypto.subtle.deriveKey(derivation, base, aes, false, ['encrypt', 'decrypt'])
    },
    keep(key, salt, tokenKey) {
      const keys = kept.get(key) ?? new Map<string, CryptoKey>()
      kept.set(key, keys)
      // A map is in the order of insertion: the first is the one that was used least recently.
      keys.delete(salt)
      keys.set(salt, tokenKey)
      const [oldest] = keys.keys()
      if (keys.size > maxTokenKeys && oldest !== undefined) keys.delete(oldest)
    },
  }
}
