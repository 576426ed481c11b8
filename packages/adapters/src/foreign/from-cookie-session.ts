import type { ForeignReader } from '@coatcheck/core'
import { checkOptions, createReader, rawValues, type ReaderOptions } from './reader.ts'
import { createVerifier, decodeObject } from './signature.ts'

export type { OldCookie, Taken } from './reader.ts'

/** Options of {@link fromCookieSession}. */
export interface CookieSessionOptions<Data extends object> extends ReaderOptions<Data> {
  /** All the keys that signed cookies. */
  readonly keys: readonly [string, ...string[]]
  /** The name of the cookie, which cookie-session calls `name` (default `'session'`). */
  readonly cookieName?: string
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/
/** HMAC-SHA-1. Its last character has two bits that mean nothing; only the spelling that is written is taken. */
const signatureGrammar = /^[\w-]{26}[AEIMQUYcgkosw048]$/

/**
 * Reads the sessions of cookie-session that it signed by its `keys`, in the way of Keygrip's defaults. They have no end of
 * their own, and equal sessions are equal texts: whoever has a copy can bring it for as long as this reader is in use.
 *
 * @example
 * fromCookieSession<Data>({ keys: [env.COOKIE_KEY] })
 */
export function fromCookieSession<Data extends object = Record<string, unknown>>(
  options: CookieSessionOptions<Data>,
): ForeignReader<Data> {
  checkOptions(options, ['keys', 'cookieName'])
  const { cookieName = 'session', keys } = options
  const verify = createVerifier(keys, 'SHA-1', 'keys')
  return createReader(options, {
    library: 'cookie-session',
    name: cookieName,
    secure: false,
    async find(header) {
      const signatures = rawValues(header, `${cookieName}.sig`).filter((text) => signatureGrammar.test(text))
      for (const value of rawValues(header, cookieName)) {
        if (!base64.test(value)) continue
        for (const signature of signatures) {
          if (!(await verify(signature, `${cookieName}=${value}`))) continue
          const content = decodeObject(value)
          if (content === null) continue
          return { content, credential: null, cookies: [cookieName, `${cookieName}.sig`] }
        }
      }
      return null
    },
  })
}
