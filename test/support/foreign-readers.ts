import type { ForeignReader } from '@coatcheck/core'
import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'

/** What the old sites keep: JSON of every kind, in several scripts. */
export const goods = {
  user: 'anna',
  cart: ['Jürgen’s 🧥', 1.5, null, true, '100 %, a+b/c=d'],
  nested: { a: { b: [] }, ключ: '値' },
} as const

/** When the tests of readers begin, in milliseconds since the epoch. */
export const start = Date.UTC(2026, 6, 1)

/** A secret that all libraries accept, and another. */
export const oldSecret = 'Zq3v8yBnE5hKs0rT7wUx2A4cF6iL9oPd'
export const otherSecret = 'mN1bV4cX7zL0kJ3hG6fD9sA2pO5iU8yT'

/** The clock of the libraries: they ask `Date`. */
export function setClock(now: number): void {
  vi.useFakeTimers({ now, toFake: ['Date'] })
}

/**
 * The `Cookie` header of somebody who has been given these cookies, after another header's. A prefixed cookie is not
 * taken without what its prefix demands (RFC 6265bis §4.1.3).
 */
export function headerOf(fields: readonly string[] | Response, before = ''): string {
  const jar = new Map(before === '' ? [] : before.split('; ').map(pairOf))
  for (const field of fields instanceof Response ? fields.headers.getSetCookie() : fields) {
    const [pair = '', ...attributes] = field.split(/; */)
    const [name, value] = pairOf(pair)
    const said = attributes.map((attribute) => attribute.toLowerCase())
    if (/^__(?:Secure|Host|Http)-/.test(name) && !said.includes('secure')) continue
    if (said.includes('max-age=0')) jar.delete(name)
    else jar.set(name, value)
  }
  return [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
}

function pairOf(pair: string): [name: string, value: string] {
  const [name = '', value = ''] = pair.split(/=(.*)/s, 2)
  return [name, value]
}

/** The options that all readers have. */
export type SharedOptions = Partial<{
  readonly cookieName: string
  readonly take: (data: unknown) => { data: object; userId?: string | null } | null
  readonly cookie: object
}>

/** One reader, and the library that it reads. */
export interface ReaderUnderTest {
  readonly library: string
  /** The name that the cookie has by itself. */
  readonly cookieName: string
  /** The reader with `oldSecret`. */
  read(options?: SharedOptions): ForeignReader
  /** The `Cookie` header of data (or {@link goods}), sealed with `oldSecret` by the library itself, at `start`. */
  issue(data?: object): Promise<string>
  /** Which characters values consist of: a class of a regular expression. */
  readonly alphabet: string
  /** How many values that look right are tried; each costs cryptography. */
  readonly nearMisses: number
}

/** What every reader must do. */
export function testReader(under: ReaderUnderTest): void {
  const { alphabet, cookieName, issue, library, nearMisses, read } = under

  describe(`every reader: ${library}`, () => {
    test('the data come as they were, and nobody is signed in', async () => {
      const session = await read().read(await issue(), start)
      expect(session).toMatchObject({ data: goods, userId: null })
      expect(read().library).toBe(library)
    })

    test('take makes of the data what it wants, and says who is signed in', async () => {
      const reader = read({ take: (data) => ({ data: { old: data }, userId: 'anna' }) })
      expect(await reader.read(await issue(), start)).toMatchObject({ data: { old: goods }, userId: 'anna' })
      const nobody = read({ take: () => ({ data: {} }) })
      expect(await nobody.read(await issue(), start)).toMatchObject({ data: {}, userId: null })
    })

    test('what take returns null for is left behind', async () => {
      expect(await read({ take: () => null }).read(await issue(), start)).toBeNull()
    })

    test('what take throws, the reader rejects with: no visitor is lost in silence', async () => {
      const fault = new TypeError('no such shelf')
      const reader = read({
        take: () => {
          throw fault
        },
      })
      await expect(reader.read(await issue(), start)).rejects.toBe(fault)
    })

    test.each([
      ['nothing', undefined],
      ['a promise', Promise.resolve({ data: {} })],
      ['no data', { userId: 'anna' }],
      ['a list', { data: [] }],
      ['a number for a user', { data: {}, userId: 7 }],
      ['an empty user', { data: {}, userId: '' }],
    ])('a take that returns %s is a mistake of the developer', async (_, taken) => {
      const reader = read({ take: () => taken as never })
      await expect(reader.read(await issue(), start)).rejects.toMatchObject({ code: 'ERR_SESSION_CONFIG' })
    })

    test('its cookies are removed from the jar, and no others', async () => {
      const header = `theme=dark; ${await issue()}`
      const session = await read().read(header, start)
      expect(headerOf(session!.removeCookies, header)).toBe('theme=dark')
      for (const field of session!.removeCookies) {
        expect(field).toMatch(/^[^=]+=; Path=\/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT/)
      }
    })

    test('a cookie is removed in the scope that it has', async () => {
      const scope = { path: '/app', domain: 'shop.test', secure: true, sameSite: 'none', partitioned: true }
      const session = await read({ cookie: scope }).read(await issue(), start)
      expect(session!.removeCookies[0]).toBe(
        `${cookieName}=; Path=/app; Domain=shop.test; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly; SameSite=None; Partitioned`,
      )
    })

    test('options that are wrong or not known are refused', () => {
      const refused: readonly [option: RegExp, options: object][] = [
        [/^options\.maxage is not known/, { maxage: 1 }],
        [/^take/, { take: 'data' }],
        [/^cookie must be/, { cookie: 'none' }],
        [/^cookie\.name is not known/, { cookie: { name: 'x' } }],
        [/^cookie\.path/, { cookie: { path: 'app' } }],
        [/^cookie\.path/, { cookie: { path: '/;x' } }],
        [/^cookie\.domain/, { cookie: { domain: 'a;b.c' } }],
        [/^cookie\.sameSite/, { cookie: { sameSite: 'Laxer' } }],
        [/^cookie\.secure/, { cookie: { secure: 'yes' } }],
        [/^cookie\.secure/, { cookie: { secure: false, sameSite: 'None' } }],
        [/^cookie\.secure/, { cookie: { secure: false, partitioned: true } }],
        [/^cookie\.secure/, { cookie: { secure: false }, cookieName: '__Secure-x' }],
        [/^cookie with __Host-/, { cookie: { path: '/app' }, cookieName: '__Host-x' }],
        [/^cookie with __Host-/, { cookie: { domain: 'shop.test' }, cookieName: '__Host-x' }],
        [/^cookieName/, { cookieName: '' }],
        [/^cookieName/, { cookieName: 'a b' }],
        [/^cookieName/, { cookieName: 7 }],
      ]
      for (const [message, options] of refused) {
        const error = caught(() => read(options))
        expect(error).toMatchObject({ code: 'ERR_SESSION_CONFIG', message: expect.stringMatching(message) })
      }
    })

    test('of several cookies of the name, the first that holds is taken', async () => {
      const header = await issue()
      const junk = `${cookieName}=junk; `
      expect(await read().read(junk + header, start)).toMatchObject({ data: goods })
      expect(await read().read(`${header}; ${cookieName}=junk`, start)).toMatchObject({ data: goods })
      expect(await read().read(junk.repeat(4) + header, start)).toBeNull()
    })

    test('a header without the cookie, an empty one, and one that is too long have no session', async () => {
      const header = await issue()
      expect(await read().read('', start)).toBeNull()
      expect(await read().read('theme=dark', start)).toBeNull()
      expect(await read().read(`${cookieName}=`, start)).toBeNull()
      const filled = `${header}; x=`
      expect(await read().read(filled.padEnd(65_536, 'x'), start)).not.toBeNull()
      expect(await read().read(filled.padEnd(65_537, 'x'), start)).toBeNull()
    })

    test('a cookie with any bit flipped has no session', async () => {
      const reader = read()
      const header = decodeURIComponent(await issue({ user: 'anna' }))
      expect(await reader.read(header, start)).not.toBeNull()
      const taken: string[] = []
      for (let at = 0; at < header.length; at++) {
        const tampered = [1, 2, 4, 8, 16, 32, 64].map((bit) => {
          const flipped = String.fromCharCode(header.charCodeAt(at) ^ bit)
          return header.slice(0, at) + flipped + header.slice(at + 1)
        })
        const found = await Promise.all(tampered.map((header) => reader.read(header, start)))
        taken.push(...tampered.filter((_, index) => found[index] !== null))
      }
      expect(taken).toEqual([])
    }, 120_000)

    test('a signature has one spelling: bits that mean nothing are not free', async () => {
      const header = await issue()
      const loose = header.replace(/[AEIMQUYcgkosw048](?=(?:~2)?$)/, (last) =>
        String.fromCharCode(last.charCodeAt(0) + 1),
      )
      expect(loose).not.toBe(header)
      expect(await read().read(loose, start)).toBeNull()
    })

    test('whatever a client sends, no reader throws', async () => {
      const reader = read()
      const name = `${cookieName}=`
      const anything = fc.string({ unit: 'binary', maxLength: 60 })
      const likely = fc.stringMatching(new RegExp(`^${alphabet}{0,60}$`))
      const header = fc.oneof(
        anything,
        anything.map((value) => name + value),
        likely.map((value) => name + value),
        fc.array(likely, { maxLength: 4 }).map((values) => values.map((value) => name + value).join('; ')),
      )
      await fc.assert(
        fc.asyncProperty(header, async (header) => {
          expect(await reader.read(header, start)).toBeNull()
        }),
        { numRuns: 20_000, seed: 7 },
      )
    }, 120_000)

    test('what only looks like a session is none', async () => {
      const reader = read()
      const [first = '', ...others] = (await issue()).split('; ')
      const value = first.slice(cookieName.length + 1)
      const cut = fc.nat(value.length)
      const middle = fc.stringMatching(new RegExp(`^${alphabet}{1,40}$`))
      await fc.assert(
        fc.asyncProperty(cut, cut, middle, async (from, to, middle) => {
          const near = value.slice(0, from) + middle + value.slice(Math.max(from, to))
          fc.pre(near !== value)
          const header = [`${cookieName}=${near}`, ...others].join('; ')
          expect(await reader.read(header, start)).toBeNull()
        }),
        { numRuns: nearMisses, seed: 7 },
      )
    }, 120_000)
  })
}

/** What a function throws. */
export function caught(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown.')
}
