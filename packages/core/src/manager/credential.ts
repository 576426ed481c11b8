import { cookieValues, maxCookieHeader } from '../cookie/cookie-header.ts'
import type { TokenSigner, VerifiedToken } from '../crypto/token-signer.ts'
import { parseToken } from '../crypto/token.ts'
import { andThen, run, wait, type Maybe, type Steps } from '../steps.ts'
import type { RejectionReason } from './events.ts'

/** What the cookies of a request amount to: a session, a refusal, or (`reason` null) none of ours at all. */
export type Credential = VerifiedToken | { readonly id: null; readonly reason: RejectionReason | null }

const maxCandidates = 8

/** Finds the one valid token under a cookie name. Grammar is checked before any cryptography, and both before any store call. */
export function readCredential(header: string, name: string, signer: TokenSigner): Maybe<Credential> {
  if (header.length > maxCookieHeader) return { id: null, reason: 'oversized' }
  const values = cookieValues(header, name)
  const value = values[0]
  if (value === undefined) return { id: null, reason: null }
  if (values.length > 1) return run(readSeveral(new Set(values), signer))
  return andThen(signer.recall(value), (known) => known ?? readOne(value, signer))
}

function readOne(value: string, signer: TokenSigner): Maybe<Credential> {
  const token = parseToken(value)
  if (token === null) return { id: null, reason: 'malformed' }
  return andThen(signer.verify(token), (keyIndex) =>
    keyIndex < 0 ? { id: null, reason: 'forged' } : { id: token.id, keyIndex },
  )
}

function* readSeveral(values: ReadonlySet<string>, signer: TokenSigner): Steps<Credential> {
  if (values.size > maxCandidates) return { id: null, reason: 'ambiguous' }
  const tokens = [...values].map(parseToken).filter((token) => token !== null)
  if (tokens.length === 0) return { id: null, reason: 'malformed' }
  const verified: VerifiedToken[] = []
  for (const token of tokens) verified.push({ id: token.id, keyIndex: yield* wait(signer.verify(token)) })
  const valid = verified.filter(({ keyIndex }) => keyIndex >= 0).toSorted((a, b) => a.keyIndex - b.keyIndex)
  // Which of two valid cookies comes first is the choice of whoever planted one: refuse both.
  if (new Set(valid.map(({ id }) => id)).size > 1) return { id: null, reason: 'ambiguous' }
  return valid[0] ?? { id: null, reason: 'forged' }
}
