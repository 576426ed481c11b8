import { compactDecrypt, CompactEncrypt } from 'jose'
import { check } from '../errors.ts'
import { andThen, type Maybe } from '../steps.ts'
import { utf8 } from './bytes.ts'
import type { Key, Keyring } from './keyring.ts'
import { recentlyUsed } from './recently-used.ts'
import { createTokenKeys, keyNameOf, sealsPerSalt } from './token-keys.ts'

/** What a sealed text is for. */
export type SealPurpose = 'cookie-session' | 'session-snapshot'

/** Where a sealed text is valid: a token of another purpose, application or cookie does not open. */
export interface SealContext {
  readonly purpose: SealPurpose
  /** Which application. */
  readonly audience: string
  readonly cookieName: string
}

/** A token that opened. */
export interface Unsealed {
  readonly content: string
  /** As of `Keyring.verify`: 0 when the token is good as it is, otherwise that of an older secret: to be sealed anew. */
  readonly keyIndex: number
}

/** Seals texts into tokens that only the holders of a secret can make or read, and opens them. */
export interface Sealer {
  /** How long a token of this text is, in characters. */
  lengthOf(content: string): number
  /**
   * A token of this text, a compact JWE (RFC 7516 §3.1), another one each time. The text is what `JSON.stringify` made:
   * a lone surrogate does not come back. Rejects with `ERR_SESSION_CONFIG` when no secret may sign now.
   */
  seal(content: string): Promise<string>
  /**
   * The text in a token; `'malformed'` when it has not the exact form of one; `'forged'` when no secret of the ring has
   * made it for this context. Nothing that a client sends makes it throw; it rejects with `ERR_SESSION_CONFIG` when a
   * provider's secrets could not be loaded. What it remembers is there at once.
   */
  open(sealed: string): Maybe<Unsealed | 'malformed' | 'forged'>
}

/** The longest token that is looked at, in characters: far more than all cookies of a request. */
export const maxSealedLength = 65_536

const algorithms = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }

/** The protected header, its members in this order (RFC 7516 §4). */
const headerOf = (kid: string, salt: string) =>
  ({ alg: 'dir', enc: 'A256GCM', typ: 'session+jwe', kid, salt }) as const

// One spelling for each token: no key, an exact header, and no character whose unused bits could vary (RFC 4648 §3.5).
// In base64, ASCII without `>`, `?` and `~` has neither of the two characters that base64url writes otherwise.
// So no other algorithm, no `crit`, `zip` or `jwk`, no second member of a name and no white space gets as far as jose.
const grammar =
  /^([A-Za-z0-9]{136})\.\.[\w-]{16}\.(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?\.[\w-]{21}[AQgw]$/
const headerGrammar =
  /^\{"alg":"dir","enc":"A256GCM","typ":"session\+jwe","kid":"([\w-]{12})","salt":"([\w-]{21}[AQgw])"\}$/

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The longest token that is remembered, in characters: what fits into one cookie. */
const maxRemembered = 4096

/**
 * A sealer for one context. Its keys come by HKDF from the secret, a random salt that the header of each token tells, and
 * the context. A salt serves for `seals` tokens of one process; so a nonce is used twice under one key only where 96
 * random bits repeat among those. Throws `ERR_SESSION_CONFIG` when the context's names are too long.
 *
 * What was opened or sealed last is remembered: to decrypt it again would give the same.
 */
export function createSealer(keyring: Keyring, context: SealContext, seals: number = sealsPerSalt): Sealer {
  const { purpose, audience, cookieName } = context
  // As JSON, since no two contexts have the same text, and no purpose of the keyring looks like it.
  const info = utf8(`coatcheck/v1/${JSON.stringify([purpose, audience, cookieName])}`)
  // Node and Bun derive no key from more.
  check(
    info.length <= 1024,
    'audience',
    'and the name of the cookie are too long: 900 bytes are enough for both',
  )
  const tokenKeys = createTokenKeys(info, seals)
  const opened = recentlyUsed<string>()

  /** The text of a token that names this secret; null when the secret has not made it. */
  function contentOf(key: Key, token: string, salt: string): Maybe<string | null> {
    return opened.get(key, token) ?? decrypt(key, token, salt)
  }

  function remember(key: Key, token: string, content: string): void {
    if (token.length <= maxRemembered) opened.keep(key, token, content)
  }

  async function decrypt(key: Key, token: string, salt: string): Promise<string | null> {
    const tokenKey = await tokenKeys.derive(key, salt)
    let content: string
    try {
      content = decoder.decode((await compactDecrypt(token, tokenKey, algorithms)).plaintext)
    } catch {
      return null
    }
    tokenKeys.keep(key, salt, tokenKey)
    remember(key, token, content)
    return content
  }

  return {
    // Header, nonce, ciphertext, tag and four dots.
    lengthOf: (content) => 136 + 16 + Math.ceil((utf8(content).length * 4) / 3) + 22 + 4,
    async seal(content) {
      const key = await keyring.ready()
      const { salt, tokenKey } = await tokenKeys.next(key)
      const header = headerOf(await keyNameOf(key), salt)
      const token = await new CompactEncrypt(utf8(content)).setProtectedHeader(header).encrypt(tokenKey)
      remember(key, token, content)
      return token
    },
    open(sealed) {
      const [, header = ''] = sealed.length > maxSealedLength ? [] : (grammar.exec(sealed) ?? [])
      const [, kid, salt] = headerGrammar.exec(atob(header)) ?? []
      if (kid === undefined || salt === undefined) return 'malformed'
      let content = ''
      const found = keyring.find((key) =>
        andThen(keyNameOf(key), (name) => {
          if (name !== kid) return false
          return andThen(contentOf(key, sealed, salt), (text) => {
            content = text ?? ''
            return text !== null
          })
        }),
      )
      return andThen(found, (keyIndex) => (keyIndex < 0 ? 'forged' : { content, keyIndex }))
    },
  }
}
