import { createKeyring, type Keyring, type Keys } from '../crypto/keyring.ts'
import type { Secrets } from '../crypto/secret-schedule.ts'
import { andThen, type Maybe } from '../steps.ts'
import { SessionError } from '../errors.ts'
import { parseDuration, type Duration } from '../session/lifetime.ts'

/**
 * Secrets that a vault keeps. They are loaded at the first use, which waits for them. What is older than
 * `refreshEvery` is loaded anew in the background, and what is twice as old is waited for, since a server that slept
 * may have missed a change. When that fails, the secrets that are there stay, and the next attempt is due after
 * `refreshEvery`.
 */
export interface SecretsProvider {
  /**
   * Asks the vault. It may be called again before it has answered, by requests that came meanwhile; it should give up
   * by itself after some seconds.
   */
  load(): Secrets | Promise<Secrets>
  /** How long the secrets count as fresh (default `'5m'`). A new secret's `notBefore` lies at least twice as far ahead. */
  readonly refreshEvery?: Duration
}

/** Where secrets come from: they are given, or asked for. */
export type SecretsSource = Secrets | SecretsProvider['load'] | SecretsProvider

/**
 * The ring of these secrets; throws `ERR_SESSION_CONFIG` when they, or the provider's options, are wrong. A provider
 * that fails is reported to `onFailure`; a use that has no older secrets then rejects with `ERR_SESSION_CONFIG`.
 */
export function keyringOf(
  source: SecretsSource,
  now: () => number,
  onFailure: (error: unknown) => void,
): Keyring {
  const provider = typeof source === 'function' ? { load: source } : (source as SecretsProvider | undefined)
  if (typeof provider?.load !== 'function') return createKeyring(source as Secrets, now)
  const refreshEvery = parseDuration(provider.refreshEvery ?? '5m', 'secrets.refreshEvery')
  const keys: Keys = new Map()
  let ring: Keyring | null = null
  let loadedAt = 0
  let askedAt = 0
  let asked = 0
  let answered = 0

  /** Asks once. Each request asks for itself: in workerd a promise belongs to the request that made it. */
  async function load(at: number): Promise<Keyring> {
    const attempt = ++asked
    askedAt = at
    try {
      const secrets = await provider!.load()
      // An earlier question may be answered later, and then its answer is the older one.
      if (ring !== null && attempt < answered) return ring
      ring = createKeyring(secrets, now, keys)
      answered = attempt
      loadedAt = at
      return ring
    } catch (cause) {
      onFailure(cause)
      if (cause instanceof SessionError) throw cause
      throw new SessionError('ERR_SESSION_CONFIG', 'secrets could not be loaded.', { cause })
    }
  }

  function current(): Maybe<Keyring> {
    const at = now()
    const known = ring
    if (known === null) return load(at)
    if (at - askedAt < refreshEvery) return known
    const isTooOld = at - loadedAt >= 2 * refreshEvery
    const refreshed = load(at).catch(() => known)
    return isTooOld ? refreshed : known
  }

  function using<Value>(use: (known: Keyring) => Maybe<Value>): Maybe<Value> {
    return andThen(current(), use)
  }

  return {
    sign: (...args) => using((known) => known.sign(...args)),
    verify: (...args) => using((known) => known.verify(...args)),
    judge: (maker) => using((known) => known.judge(maker)),
    find: (made) => using((known) => known.find(made)),
    ready: () => using((known) => known.ready()),
    keyUse: () => ring?.keyUse() ?? [],
  }
}
