import type { ForeignReader } from '@coatcheck/core'
import { checkOptions, createReader, presentedValues, type ReaderOptions } from './reader.ts'
import { createVerifier, decodeObject } from './signature.ts'

export type { OldCookie, Taken } from './reader.ts'

/** Options of {@link fromReactRouter}. */
export interface ReactRouterOptions<Data extends object> extends ReaderOptions<Data> {
  /** All the `secrets` that signed cookies. Unsigned cookies are not read: anybody can write them. */
  readonly secrets: readonly [string, ...string[]]
  /** The name of the cookie (default `'__session'`). */
  readonly cookieName?: string
}

/** The data in base64, and their HMAC-SHA-256, whose last character has two bits that mean nothing. */
const grammar = /^([A-Za-z0-9+/]+={0,2})\.([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048])$/
const flash = /^__flash_(.+)__$/s

/**
 * Reads the sessions of `createCookieSessionStorage` in React Router 7 and 8 and in Remix 2. What was flashed comes under
 * its own key. They have no end of their own, and equal sessions are equal texts: whoever has a copy can bring it for as
 * long as this reader is in use. The signature says nothing of the cookie's name, so that another cookie of the same
 * secrets passes for a session: let `take` refuse what is none.
 *
 * @example
 * fromReactRouter<Data>({ secrets: [env.SESSION_SECRET], take: (data) => ({ data: oldSession.parse(data) }) })
 */
export function fromReactRouter<Data extends object = Record<string, unknown>>(
  options: ReactRouterOptions<Data>,
): ForeignReader<Data> {
  checkOptions(options, ['secrets', 'cookieName'])
  const { cookieName = '__session', secrets } = options
  const verify = createVerifier(secrets, 'SHA-256', 'secrets')
  return createReader(options, {
    library: 'react-router',
    name: cookieName,
    secure: false,
    sameSite: 'Lax',
    async find(header) {
      for (const text of presentedValues(header, cookieName)) {
        const [, value, signature] = grammar.exec(text) ?? []
        if (value === undefined || signature === undefined || !(await verify(signature, value))) continue
        const data = decodeObject(value)
        if (data === null) continue
        return { content: unflashed(data), credential: null, cookies: [cookieName] }
      }
      return null
    },
  })
}

/** A key of its own hides one that was flashed, as it does there. */
function unflashed(data: object): object {
  const entries = Object.entries(data)
  const flashed = entries.map(([key, value]) => [flash.exec(key)?.[1] ?? null, value] as const)
  return Object.fromEntries([
    ...flashed.filter(([key]) => key !== null),
    ...entries.filter(([key]) => !flash.test(key)),
  ])
}
