import { check } from '../errors.ts'
import { deriveHmac } from '#hmac'
import { andThen, run, wait, type Maybe, type Steps } from '../steps.ts'
import { utf8, type Bytes } from './bytes.ts'
import type { Hmac } from './hmac.ts'
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
  /**
   * The proof of a message: HMAC-SHA-256 in base64url. Throws or rejects with `ERR_SESSION_CONFIG` when no secret may sign now.
   *
   * @param learn Is told by which key.
   */
  sign(purpose: Purpose, message: string, learn?: (maker: Key) => void): Maybe<string>
  /**
   * Who made the proof: 0 for the secret that signs now or a newer one, so that the proof is good as it is; the index
   * of an older secret, whose proofs are to be renewed; -1 for nobody.
   *
   * @param learn Is told by which key.
   */
  verify(purpose: Purpose, message: string, proof: string, learn?: (maker: Key) => void): Maybe<number>
  /** The verdict of `verify` on another proof by a key that it has told: -1 when its secret has retired or gone. */
  judge(maker: Key): Maybe<number>
  /**
   * The verdict of `verify` on what is no proof: whether a secret made it, `made` finds out. Those that have not retired
   * are tried in the order of the ring until one did.
   */
  find(made: (key: Key) => Maybe<boolean>): Maybe<number>
  /** The key that signs now. Throws or rejects as `sign` would, for those who must know before they write. */
  ready(): Maybe<Key>
  /** What each secret has done in this process, in the order of the ring. */
  keyUse(): readonly KeyUse[]
}

/** A secret at work: the keys derived from it, and what it has done. A provider's rings share it while they have the secret. */
export interface Key {
  /** The secret as a key for HKDF, imported anew: it cannot be read out. */
  readonly base: () => Promise<CryptoKey>
  readonly subkey: (purpose: Purpose) => Maybe<Hmac>
  count: number
  lastSeenAt: number | null
}

/** The keys by their secrets: what a ring hands on to the one that takes its place. */
export type Keys = Map<string, Key>

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

  /** Notes that the secret at this place of the ring has made a proof. */
  function credit(index: number, key: Key, at: number): number {
    key.count++
    key.lastSeenAt = at
    const signs = indexAt(at)
    return signs === -1 || index <= signs ? 0 : index
  }

  function* find(made: (key: Key) => Maybe<boolean>): Steps<number> {
    const at = now()
    for (const [index, { key, until }] of ring.entries()) {
      if (at > until) continue
      // Nothing but true is a proof, whatever the types say.
      const isMade: unknown = yield* wait(made(key))
      if (isMade === true) return credit(index, key, at)
    }
    return -1
  }

  return {
    sign(purpose, message, learn) {
      const maker = signer()
      learn?.(maker)
      return andThen(maker.subkey(purpose), (hmac) => hmac.sign(`${purpose}\0${message}`))
    },
    verify(purpose, message, proof, learn) {
      const text = `${purpose}\0${message}`
      let maker: Key | null = null
      const index = run(
        find((key) => {
          maker = key
          return andThen(key.subkey(purpose), (hmac) => hmac.verify(text, proof))
        }),
      )
      return learn === undefined ? index : andThen(index, (made) => (made >= 0 && learn(maker!), made))
    },
    judge(maker) {
      const at = now()
      const index = ring.findIndex(({ key, until }) => key === maker && at <= until)
      return index === -1 ? -1 : credit(index, maker, at)
    },
    find: (made) => run(find(made)),
    ready: signer,
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
  const derived = new Map<Purpose, Hmac>()
  const base: Key['base'] = () => crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
  return {
    base,
    subkey(purpose) {
      const known = derived.get(purpose)
      if (known !== undefined) return known
      return andThen(deriveHmac(secret, `coatcheck/v1/${purpose}`), (hmac) => {
        derived.set(purpose, hmac)
        return hmac
      })
    },
    count: 0,
    lastSeenAt: null,
  }
}
