import { createHmac, timingSafeEqual, type BinaryLike, type KeyObject } from 'node:crypto'
import { cookieValues } from '@coatcheck/core/cookie-header'

/** What signs cookies: a text, bytes or a key, whatever `createHmac` of node:crypto takes. */
export type Secret = BinaryLike | KeyObject

/** An id whose signature held, and which of the secrets made it: 0 is the one that signs. */
export interface SignedId {
  readonly sid: string
  readonly keyIndex: number
}

/** How many cookies of our name are looked at; each costs an HMAC for every secret, and anybody can send many. */
const maxCandidates = 8

/** `<sid>.<proof>`, byte for byte as express-session writes it behind `s:`. The proof is HMAC-SHA-256 in base64 without `=`. */
export function sign(sid: string, secret: Secret): string {
  return `${sid}.${proofOf(sid, secret)}`
}

/** Reads what {@link sign} has written with any of the secrets. @returns null when none of them made it. */
export function unsign(value: string, secrets: readonly Secret[]): SignedId | null {
  const dot = value.lastIndexOf('.')
  if (dot < 1) return null
  const sid = value.slice(0, dot)
  const proof = Buffer.from(value.slice(dot + 1))
  // Texts are compared, not what base64 decodes to: of several spellings only the one that is written is accepted.
  const keyIndex = secrets.findIndex((secret) => {
    const expected = Buffer.from(proofOf(sid, secret))
    return proof.length === expected.length && timingSafeEqual(proof, expected)
  })
  return keyIndex === -1 ? null : { sid, keyIndex }
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
  const found = new Map<string, SignedId>()
  const candidates = cookieValues(header, name)
    .map(readings)
    .filter((texts) => texts.length > 0)
  for (const texts of candidates.slice(0, maxCandidates)) {
    for (const text of texts) {
      const signed = unsign(text, secrets)
      if (signed === null) continue
      if (!found.has(signed.sid)) found.set(signed.sid, signed)
      break
    }
  }
  return [...found.values()]
}

/** What a cookie's value can mean, the likelier first: the signed texts without their `s:`. */
function readings(value: string): string[] {
  const raw = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
  return [...new Set([decoded(raw), raw])]
    .filter((text) => text.startsWith('s:'))
    .map((text) => text.slice(2))
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
