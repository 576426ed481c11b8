import { cookieValues, maxCookieHeader } from '../cookie/cookie-header.ts'
import type { TokenSigner } from '../crypto/token-signer.ts'
import { parseToken, type SessionId } from '../crypto/token.ts'
import type { RejectionReason } from './events.ts'

/** What the cookies of a request amount to: a session, a refusal, or (`reason` null) none of ours at all. */
export type Credential =
  | { readonly id: SessionId; readonly keyIndex: number }
  | { readonly id: null; readonly reason: RejectionReason | null }

const maxCandidates = 8

/** Finds the one valid token under a cookie name. Grammar is checked before any cryptography, and both before any store call. */
export async function readCredential(header: string, name: string, signer: TokenSigner): Promise<Credential> {
  if (header.length > maxCookieHeader) return { id: null, reason: 'oversized' }
  const values = new Set(cookieValues(header, name))
  if (values.size === 0) return { id: null, reason: null }
  if (values.size > maxCandidates) return { id: null, reason: 'ambiguous' }
  const tokens = [...values].map(parseToken).filter((token) => token !== null)
  if (tokens.length === 0) return { id: null, reason: 'malformed' }
  const verified = await Promise.all(
    tokens.map(async (token) => ({ id: token.id, keyIndex: await signer.verify(token) })),
  )
  const valid = verified.filter(({ keyIndex }) => keyIndex >= 0).toSorted((a, b) => a.keyIndex - b.keyIndex)
  // Which of two valid cookies comes first is the choice of whoever planted one: refuse both.
  if (new Set(valid.map(({ id }) => id)).size > 1) return { id: null, reason: 'ambiguous' }
  return valid[0] ?? { id: null, reason: 'forged' }
}
