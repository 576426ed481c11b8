import { createHmac, KeyObject, timingSafeEqual, type BinaryLike } from 'node:crypto'
import { cookieValues } from '@coatcheck/core/cookie-header'
import { Latest } from './latest.ts'

/** What signs cookies: a text, bytes or a key, whatever `createHmac` of node:crypto takes. */
export type Secret = BinaryLike | KeyObject

/** An id whose signature held, and which of the secrets made it: 0 is the one that signs. */
export interface SignedId {
  readonly sid: string
  readonly keyIndex: number
}

/** How many cookies of our name are looked at; each costs an HMAC for every secret, and anybody can send many. */
const maxCandidates = 8

/** So many proofs are remembered for each secret, and for so many secrets; then the oldest go. */
const mostVerified = 10_000
const mostSecrets = 16

/** The proofs that a secret is known to have made, with their ids. */
const verified = new Latest<Secret, Latest<string, string>>(mostSecrets)

/** `<sid>.<proof>`, byte for byte as express-session writes it behind `s:`. The proof is HMAC-SHA-256 in base64 without `=`. */
export function sign(sid: string, secret: Secret): string {
  return `${sid}.${proofOf(sid, secret)}`
}

/** Reads what {@link sign} has written with any of the secrets. @returns null when none of them made it. */
export function unsign(value: string, secrets: readonly Secret[]): SignedId | null {
  const dot = value.lastIndexOf('.')
  if (dot < 1) return null
  const sid = value.slice(0, dot)
  const proof = value.slice(dot + 1)
  const known = secrets.findIndex((secret) => verified.get(secret)?.get(proof) === sid)
  const keyIndex = known === -1 ? verify(sid, proof, secrets) : known
  return keyIndex === -1 ? null : { sid, keyIndex }
}

function verify(sid: string, presented: string, secrets: readonly Secret[]): number {
  const proof = Buffer.from(presented)
  // Texts are compared, not what base64 decodes to: of several spellings only the one that is written is accepted.
  const keyIndex = secrets.findIndex((secret) => {
    const expected = Buffer.from(proofOf(sid, secret))
    return proof.length === expected.length && timingSafeEqual(proof, expected)
  })
  if (keyIndex !== -1) remember(secrets[keyIndex]!, sid, presented)
  return keyIndex
}

/**
 * The ids of all cookies of our name whose signature holds, in the order of the header and each once. Values may be
 * percent-encoded or raw, and in quotes. Never throws.
 */
export function readSessionIds(
  header: string,
  name: string,
  secrets: readonly Secret[],
): readonly SignedId[] {
  const found: SignedId[] = []
  let candidates = 0
  for (const value of cookieValues(header, name)) {
    const texts = readings(value)
    if (texts.length === 0) continue
    if (++candidates > maxCandidates) break
    const signed = firstSigned(texts, secrets)
    if (signed !== null && !found.some(({ sid }) => sid === signed.sid)) found.push(signed)
  }
  return found
}

function firstSigned(texts: readonly string[], secrets: readonly Secret[]): SignedId | null {
  for (const text of texts) {
    const signed = unsign(text, secrets)
    if (signed !== null) return signed
  }
  return null
}

/** What a cookie's value can mean, the likelier first: the signed texts without their `s:`. */
function readings(value: string): string[] {
  const raw = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
  const plain = decoded(raw)
  const texts = plain === raw ? [raw] : [plain, raw]
  return texts.filter((text) => text.startsWith('s:')).map((text) => text.slice(2))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function proofOf(sid: string, secret: Secret): string {
  return createHmac('sha256', secret).update(sid).digest('base64').replaceAll('=', '')
}

function remember(secret: Secret, sid: string, proof: string): void {
  // Bytes can be overwritten, and are another secret then.
  if (typeof secret !== 'string' && !(secret instanceof KeyObject)) return
  let proofs = verified.get(secret)
  if (proofs === undefined) {
    proofs = new Latest(mostVerified)
    verified.add(secret, proofs)
  }
  proofs.add(detached(proof), detached(sid))
}

/** A part of a string keeps the whole alive, in V8: here that would be the Cookie header of each visitor. */
function detached(text: string): string {
  return ` ${text}`.slice(1)
}
