import { check } from '../errors.ts'
import { fromBase64url, toBase64url, utf8, type Bytes } from './bytes.ts'
import { readSecrets, type Secrets } from './secret-schedule.ts'

export type { Secrets } from './secret-schedule.ts'

/** What a proof is for. A key serves one purpose only, so a proof made for one is worthless for another. */
export type Purpose = 'session-token' | 'csrf-token'

/** What one secret has done in this process. */
export interface KeyUse {
  /** Its place in `secrets`. */
  readonly index: number
  readonly label: string | null
  /** Whether it is the one that signs now. */
  readonly signs: boolean
  /** How many proofs it has verified. */
  readonly count: number
  /** When it last did, in milliseconds since the epoch; null if never. */
  readonly lastSeenAt: number | null
}

/** Signs with the newest secret that may sign, and verifies with all that have not retired. */
export interface Keyring {
  /** The proof of a message: HMAC-SHA-256 in base64url. Rejects with `ERR_SESSION_CONFIG` when no secret may sign now. */
  sign(purpose: Purpose, message: string): Promise<string>
  /**
   * Who made the proof: 0 for the secret that signs now or a newer one, so that the proof is good as it is; the index
   * of an older secret, whose proofs are to be renewed; -1 for nobody.
   */
  verify(purpose: Purpose, message: string, proof: string): Promise<number>
  /** Rejects as `sign` would, for those who must know before they write what a proof then leads to. */
  ready(): Promise<void>
  /** What each secret has done in this process, in the order of the ring. */
  keyUse(): readonly KeyUse[]
}

/** A secret at work: the keys derived from it, and what it has done. */
interface Key {
  readonly subkey: (purpose: Purpose) => Promise<CryptoKey>
  count: number
  lastSeenAt: number | null
}

/** The keys by their secrets: what a ring hands on to the one that takes its place. */
export type Keys = Map<string, Key>

const hmac = { name: 'HMAC', hash: 'SHA-256', length: 256 } as const

/**
 * Makes a ring of secrets; throws `ERR_SESSION_CONFIG` when it is empty, one of them is weak or given twice, or none
 * may sign now. `keys` are those of the ring before, and become those of this one.
 */
export function createKeyring(
  secrets: Secrets,
  now: () => number = Date.now,
  keys: Keys = new Map(),
): Keyring {
  const ring = readSecrets(secrets).map((schedule) => {
    const fresh = { subkey: subkeysOf(utf8(schedule.secret)), count: 0, lastSeenAt: null }
    return { ...schedule, key: keys.get(schedule.secret) ?? fresh }
  })
  const indexAt = (at: number): number => ring.findIndex(({ from, until }) => from <= at && at <= until)
  const signer = (): Key => {
    const entry = ring[indexAt(now())]
    const rule = 'need one that may sign now: its notBefore is past, its retireAfter is not'
    check(entry !== undefined, 'secrets', rule)
    return entry.key
  }
  // Outside of requests, the clock of Cloudflare's Workers stands at 0: there the first signature finds out.
  const isScheduled = ring.some(({ from, until }) => from !== -Infinity || until !== Infinity)
  if (isScheduled && now() !== 0) signer()
  keys.clear()
  for (const { secret, key } of ring) keys.set(secret, key)

  return {
    async sign(purpose, message) {
      const key = await signer().subkey(purpose)
      return toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, signed(purpose, message))))
    },
    async verify(purpose, message, proof) {
      const at = now()
      const signature = fromBase64url(proof)
      const bytes = signed(purpose, message)
      for (const [index, { key, until }] of ring.entries()) {
        if (at > until) continue
        if (!(await crypto.subtle.verify('HMAC', await key.subkey(purpose), signature, bytes))) continue
        key.count++
        key.lastSeenAt = at
        const signs = indexAt(at)
        return signs === -1 || index <= signs ? 0 : index
      }
      return -1
    },
    ready: async () => void signer(),
    keyUse() {
      const signs = indexAt(now())
      return ring.map(({ key: { count, lastSeenAt }, label }, index) => {
        return { index, label, signs: index === signs, count, lastSeenAt }
      })
    },
  }
}

/** The keys of one secret: derived by HKDF (RFC 5869) at first use, then kept. */
function subkeysOf(secret: Bytes): (purpose: Purpose) => Promise<CryptoKey> {
  // The key itself is kept and not its promise: in workerd a promise belongs to the request that made it.
  const derived = new Map<Purpose, CryptoKey>()
  return async (purpose) => {
    const known = derived.get(purpose)
    if (known !== undefined) return known
    const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
    const derivation = {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: new Uint8Array(),
      info: utf8(`coatcheck/v1/${purpose}`),
    }
    const key = await crypto.subtle.deriveKey(derivation, base, hmac, false, ['sign', 'verify'])
    derived.set(purpose, key)
    return key
  }
}

function signed(purpose: Purpose, message: string): Bytes {
  return utf8(`${purpose}\0${message}`)
}
