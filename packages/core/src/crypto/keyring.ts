import { check } from '../errors.ts'
import { fromBase64url, toBase64url, utf8, type Bytes } from './bytes.ts'
import { readSecrets, type Secrets } from './secret-schedule.ts'

export type { Secrets } from './secret-schedule.ts'

/**
 * What a proof is for. A key serves one purpose only, so a proof made for one is worthless for another. By `key-name`,
 * sealed tokens name their secret.
 */
export type Purpose = 'session-token' | 'csrf-token' | 'key-name'

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
  /**
   * The verdict of `verify` on what is no proof: whether a secret made it, `made` finds out. Those that have not retired
   * are tried in the order of the ring until one did.
   */
  find(made: (key: Key) => Promise<boolean>): Promise<number>
  /** The key that signs now. Rejects as `sign` would, for those who must know before they write. */
  ready(): Promise<Key>
  /** What each secret has done in this process, in the order of the ring. */
  keyUse(): readonly KeyUse[]
}

/** A secret at work: the keys derived from it, and what it has done. A provider's rings share it while they have the secret. */
export interface Key {
  /** The secret as a key for HKDF, imported anew: it cannot be read out. */
  readonly base: () => Promise<CryptoKey>
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
    return { ...schedule, key: keys.get(schedule.secret) ?? keyOf(utf8(schedule.secret)) }
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

  const find: Keyring['find'] = async (made) => {
    const at = now()
    for (const [index, { key, until }] of ring.entries()) {
      if (at > until || !(await made(key))) continue
      key.count++
      key.lastSeenAt = at
      const signs = indexAt(at)
      return signs === -1 || index <= signs ? 0 : index
    }
    return -1
  }

  return {
    async sign(purpose, message) {
      const key = await signer().subkey(purpose)
      return toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, signed(purpose, message))))
    },
    async verify(purpose, message, proof) {
      const signature = fromBase64url(proof)
      const bytes = signed(purpose, message)
      return find(async (key) => crypto.subtle.verify('HMAC', await key.subkey(purpose), signature, bytes))
    },
    find,
    ready: async () => signer(),
    keyUse() {
      const signs = indexAt(now())
      return ring.map(({ key: { count, lastSeenAt }, label }, index) => {
        return { index, label, signs: index === signs, count, lastSeenAt }
      })
    },
  }
}

/** A secret that has done nothing yet. Its keys are derived by HKDF (RFC 5869) at first use, then kept. */
function keyOf(secret: Bytes): Key {
  // The key itself is kept and not its promise: in workerd a promise belongs to the request that made it.
  const derived = new Map<Purpose, CryptoKey>()
  const base: Key['base'] = () => crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
  return {
    base,
    async subkey(purpose) {
      const known = derived.get(purpose)
      if (known !== undefined) return known
      const derivation = {
        name: 'HKDF',
        hash: 'SHA-256',
        salt: utf8(''),
        info: utf8(`coatcheck/v1/${purpose}`),
      }
      const key = await crypto.subtle.deriveKey(derivation, await base(), hmac, false, ['sign', 'verify'])
      derived.set(purpose, key)
      return key
    },
    count: 0,
    lastSeenAt: null,
  }
}

function signed(purpose: Purpose, message: string): Bytes {
  return utf8(`${purpose}\0${message}`)
}
