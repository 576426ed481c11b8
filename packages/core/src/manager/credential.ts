import { cookieValues, maxCookieHeader } from '../cookie/cookie-header.ts'
import type { TokenSigner } from '../crypto/token-signer.ts'
import { parseToken, type SessionId } from '../crypto/token.ts'
import { wait, type Steps } from '../steps.ts'
import type { RejectionReason } from './events.ts'

/** What the cookies of a request amount to: a session, a refusal, or (`reason` null) none of ours at all. */
export type Credential =
  | { readonly id: SessionId; readonly keyIndex: number }
  | { readonly id: null; readonly reason: RejectionReason | null }

const maxCandidates = 8

/** Finds the one valid token under a cookie name. Grammar is checked before any cryptography, and both before any store call. */
export function* readCredential(header: string, name: string, signer: TokenSigner): Steps<Credential> {
  if (header.length > maxCookieHeader) return { id: null, reason: 'oversized' }
  const values = cookieValues(header, name)
  const [value] = values
  if (value === undefined) return { id: null, reason: null }
  return values.length === 1 ? yield* readOne(value, signer) : yield* readSeveral(new Set(values), signer)
}

function* readOne(value: string, signer: TokenSigner): Steps<Credential> {
  const token = parseToken(value)
  if (token === null) return { id: null, reason: 'malformed' }
  const keyIndex = yield* wait(signer.verify(token))
  return keyIndex < 0 ? { id: null, reason: 'forged' } : { id: token.id, keyIndex }
}

function* readSeveral(values: ReadonlySet<string>, signer: TokenSigner): Steps<Credential> {
  if (values.size > maxCandidates) return { id: null, reason: 'ambiguous' }
  const tokens = [...values].map(parseToken).filter((token) => token !== null)
  if (tokens.length === 0) return { id: null, reason: 'malformed' }
  const verified: { id: SessionId; keyIndex: number }[] = []
  for (const token of tokens) verified.push({ id: token.id, keyIndex: yield* wait(signer.verify(token)) })
  const valid = verified.filter(({ keyIndex }) => keyIndex >= 0).toSorted((a, b) => a.keyIndex - b.keyIndex)
  // Which of two valid cookies comes first is the choice of whoever planted one: refuse both.
  if (new Set(valid.map(({ id }) => id)).size > 1) return { id: null, reason: 'ambiguous' }
  return valid[0] ?? { id: null, reason: 'forged' }
}
