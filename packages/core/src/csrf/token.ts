import { randomText } from '../crypto/bytes.ts'
import type { Keyring } from '../crypto/keyring.ts'

/** Makes and checks tokens. What each is bound to, an anchor, is no secret. */
export interface CsrfTokens {
  /** A fresh token: another one each time, so that compression tells nothing of it (BREACH). */
  issue(anchor: string): Promise<string>
  /** Whether the token is bound to one of these anchors. */
  verify(token: string, anchors: readonly string[]): Promise<boolean>
}

// Twice 32 bytes in base64url, in their one spelling (RFC 4648 §3.5). Of fixed length, so nothing can move from one
// part to the other.
const part = '([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])'
const grammar = new RegExp(`^${part}\\.${part}$`)

/** Tokens `<salt>.<proof>`: the proof is HMAC-SHA-256 over anchor and salt, under a key that serves nothing else. */
export function createCsrfTokens(keyring: Keyring): CsrfTokens {
  const messageOf = (anchor: string, salt: string): string => `v1\0${anchor}\0${salt}`
  return {
    async issue(anchor) {
      const salt = randomText(32)
      return `${salt}.${await keyring.sign('csrf-token', messageOf(anchor, salt))}`
    },
    async verify(token, anchors) {
      const [, salt, proof] = grammar.exec(token) ?? []
      if (salt === undefined || proof === undefined) return false
      for (const anchor of anchors) {
        if ((await keyring.verify('csrf-token', messageOf(anchor, salt), proof)) >= 0) return true
      }
      return false
    },
  }
}
