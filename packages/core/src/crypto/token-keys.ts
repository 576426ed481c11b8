import { andThen, type Maybe } from '../steps.ts'
import { fromBase64url, randomText, type Bytes } from './bytes.ts'
import type { Key } from './keyring.ts'
import { recentlyUsed } from './recently-used.ts'

/** What a token is sealed with. */
export interface SealingKey {
  readonly salt: string
  readonly tokenKey: CryptoKey
  /** How many tokens it may still seal. */
  left: number
}

/** The keys of sealed tokens of one context: one for each salt. */
export interface TokenKeys {
  /** The key of this secret and salt: a known one, or derived by HKDF. It is not kept yet. */
  derive(key: Key, salt: string): Maybe<CryptoKey>
  /** Keeps a key that has proven itself. Were forged salts kept as well, they would drive out the real ones. */
  keep(key: Key, salt: string, tokenKey: CryptoKey): void
  /** The key for the next token of this secret: that of the token before, until its salt has served long enough. */
  next(key: Key): Maybe<SealingKey>
}

/**
 * How many tokens are sealed with one salt: then 96 random bits, as nonces are, repeat in one of 2^57 cases. The limit for
 * random nonces is 2^32 (NIST SP 800-38D §8.3).
 */
export const sealsPerSalt: number = 2 ** 20

const aes = { name: 'AES-GCM', length: 256 } as const
/** 9 bytes in base64url. */
const nameLength = 12
const names = new WeakMap<Key, string>()

/** What tokens call a secret (`kid`): 9 bytes by which it is found, and which tell nothing of it. */
export function keyNameOf(key: Key): Maybe<string> {
  const known = names.get(key)
  if (known !== undefined) return known
  const proof = andThen(key.subkey('key-name'), (hmac) => hmac.sign(''))
  return andThen(proof, (text) => {
    const name = text.slice(0, nameLength)
    names.set(key, name)
    return name
  })
}

/** The keys of the context that `info` names (RFC 5869 §3.2), each for so many seals. */
export function createTokenKeys(info: Bytes, seals: number): TokenKeys {
  // By the secret, so that they go when it does. Keys and no promises: in workerd these belong to one request.
  const bases = new WeakMap<Key, CryptoKey>()
  const sealing = new WeakMap<Key, SealingKey>()
  const kept = recentlyUsed<CryptoKey>()

  async function deriveAnew(key: Key, salt: string): Promise<CryptoKey> {
    const base = bases.get(key) ?? (await key.base())
    bases.set(key, base)
    const derivation = { name: 'HKDF', hash: 'SHA-256', salt: fromBase64url(salt), info }
    return crypto.subtle.deriveKey(derivation, base, aes, false, ['encrypt', 'decrypt'])
  }

  async function begin(key: Key): Promise<SealingKey> {
    const salt = randomText(16)
    const tokenKey = await deriveAnew(key, salt)
    kept.keep(key, salt, tokenKey)
    const begun = { salt, tokenKey, left: seals - 1 }
    sealing.set(key, begun)
    return begun
  }

  return {
    derive: (key, salt) => kept.get(key, salt) ?? deriveAnew(key, salt),
    keep: kept.keep,
    next(key) {
      const current = sealing.get(key)
      if (current === undefined || current.left === 0) return begin(key)
      current.left--
      return current
    },
  }
}
