import { defaults, unseal } from 'iron-webcrypto'
import { check } from './reader.ts'

/** What a seal held. */
export interface Opened {
  readonly content: unknown
  /** When it stops opening, in milliseconds since the epoch; null for never. */
  readonly expiresAt: number | null
}

/**
 * `Fe26.2*<password id>*<salt>*<iv>*<ciphertext>*<expiry or nothing>*<salt>*<MAC>`. The last character of the MAC has two
 * bits that mean nothing; only the spelling that is written is taken, so that one session is one text.
 */
const grammar =
  /^Fe26\.2\*(\w*)\*[0-9a-f]+\*[\w-]{22}\*[\w-]+\*([1-9]\d{0,14})?\*[0-9a-f]+\*[\w-]{42}[AEIMQUYcgkosw048]$/

/** Hosts' clocks differ: so long do iron's seals open after their time, in milliseconds. */
const skew = 60_000

/**
 * Opens an iron seal; null when it does not open, for whatever reason. Texts that are none cost no cryptography.
 *
 * @param iterations Of PBKDF2, each tried in turn.
 */
export async function openSeal(
  seal: string,
  passwords: ReadonlyMap<string, string>,
  iterations: readonly number[],
  now: number,
): Promise<Opened | null> {
  const [whole, id = '', expiry] = grammar.exec(seal) ?? []
  const password = passwords.get(id)
  if (whole === undefined || password === undefined) return null
  const expiresAt = expiry === undefined ? null : Number(expiry) + skew
  if (expiresAt !== null && expiresAt <= now) return null
  for (const rounds of iterations) {
    try {
      const content: unknown = await unseal(seal, password, sealOptions(rounds))
      return { content, expiresAt }
    } catch {
      // Not one of ours, or of another number of rounds.
    }
  }
  return null
}

/** Throws `ERR_SESSION_CONFIG` for a password that iron would not take. */
export function checkPassword(password: unknown, option: string): asserts password is string {
  const isLong = typeof password === 'string' && password.length >= 32
  check(isLong, option, 'must be the password that sealed the cookies: at least 32 characters')
}

/** The expiry has been looked at already, by the clock that is ours. */
function sealOptions(iterations: number): typeof defaults {
  const { encryption, integrity } = defaults
  return {
    ...defaults,
    timestampSkewSec: Infinity,
    encryption: { ...encryption, iterations },
    integrity: { ...integrity, iterations },
  }
}
