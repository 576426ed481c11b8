import type { Maybe } from '../steps.ts'

/** A key that signs: HMAC-SHA-256 (RFC 2104) over the UTF-8 bytes of a text, in base64url. */
export interface Hmac {
  sign(message: string): Maybe<string>
  /** Whether this is the proof of the message; compared in constant time. The grammar of the proof has been checked. */
  verify(message: string, proof: string): Maybe<boolean>
}
