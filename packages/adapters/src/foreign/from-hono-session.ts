import type { ForeignReader } from '@coatcheck/core'
import { jwtDecrypt, type CryptoKey, type JWK, type JWTDecryptOptions } from 'jose'
import { check, checkOptions, createReader, presentedValues, type ReaderOptions } from './reader.ts'

export type { OldCookie, Taken } from './reader.ts'

/** Options of {@link fromHonoSession}. */
export interface HonoSessionOptions<Data extends object> extends ReaderOptions<Data> {
  /** What encrypted the cookies: `AUTH_SECRET`, or the key. */
  readonly secret: string | Uint8Array | CryptoKey | JWK
  /** The name of the cookie (default `'sid'`). */
  readonly cookieName?: string
  /**
   * The limits in seconds, as `useSession` was told (default none). With `absolute`, an idle session is still left
   * behind, but one that is used may go on until then, as before.
   */
  readonly duration?: { readonly absolute: number; readonly inactivity?: number }
}

/**
 * A compact JWE of `dir` and A256GCM: header, no key, iv, ciphertext, tag. The last characters have bits that mean
 * nothing; only the spelling that is written is taken, so that one session is one text.
 */
const grammar =
  /^[\w-]+\.\.[\w-]{16}\.(?:[\w-]{4})*(?:[\w-]{2}[AEIMQUYcgkosw048]|[\w-][AQgw])?\.[\w-]{21}[AQgw]$/

const claims: JWTDecryptOptions = {
  keyManagementAlgorithms: ['dir'],
  contentEncryptionAlgorithms: ['A256GCM'],
  requiredClaims: ['sid'],
}

/**
 * Reads the sessions of @hono/session that are in the cookie themselves. Of one that is kept in a storage
 * (`useSessionStorage`), the cookie has the id only: that is found without data, and `take` can leave it behind.
 *
 * @example
 * fromHonoSession<Data>({ secret: env.AUTH_SECRET, duration: { absolute: 604_800 } })
 */
export function fromHonoSession<Data extends object = Record<string, unknown>>(
  options: HonoSessionOptions<Data>,
): ForeignReader<Data> {
  checkOptions(options, ['secret', 'cookieName', 'duration'])
  const { cookieName = 'sid', duration, secret } = options
  const isKey = typeof secret === 'string' ? secret !== '' : typeof secret === 'object' && secret !== null
  check(isKey, 'secret', 'must be what encrypted the cookies: AUTH_SECRET or a key')
  const absolute = duration?.absolute
  const isSpan = duration === undefined || (Number.isFinite(absolute) && Number(absolute) > 0)
  check(isSpan, 'duration.absolute', 'must be a number of seconds above 0')
  const key = keyOf(secret)
  return createReader(options, {
    library: '@hono/session',
    name: cookieName,
    secure: false,
    sameSite: 'Lax',
    async find(header, now) {
      for (const token of presentedValues(header, cookieName)) {
        const payload = grammar.test(token) ? await decrypt(token, await key(), now) : null
        if (payload === null) continue
        const { exp, iat, sid: _, ...content } = payload
        const createdAt = typeof iat === 'number' ? iat * 1000 : null
        const expiresAt = endOf(createdAt, exp, absolute)
        if (expiresAt !== null && expiresAt <= now) continue
        return { content, createdAt, expiresAt, credential: token, cookies: [cookieName] }
      }
      return null
    },
  })
}

/** The claims of a session that has not expired; null for everything else. */
async function decrypt(
  token: string,
  key: Uint8Array | CryptoKey | JWK,
  now: number,
): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const { payload } = await jwtDecrypt(token, key, { ...claims, currentDate: new Date(now) })
    return payload
  } catch {
    return null
  }
}

function endOf(createdAt: number | null, exp: unknown, absolute: number | undefined): number | null {
  if (absolute !== undefined && createdAt !== null) return createdAt + absolute * 1000
  return typeof exp === 'number' ? exp * 1000 : null
}

/** The key of a secret: by HKDF (RFC 5869) at first use, then kept; a key as it is. */
function keyOf(secret: HonoSessionOptions<object>['secret']): () => Promise<Uint8Array | CryptoKey | JWK> {
  if (typeof secret !== 'string') return () => Promise.resolve(secret)
  let known: Uint8Array | undefined
  return async () => {
    if (known !== undefined) return known
    const encoder = new TextEncoder()
    const base = await crypto.subtle.importKey('raw', encoder.encode(secret), 'HKDF', false, ['deriveBits'])
    const info = encoder.encode('session jwe cek')
    const derivation = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info }
    return (known = new Uint8Array(await crypto.subtle.deriveBits(derivation, base, 256)))
  }
}
