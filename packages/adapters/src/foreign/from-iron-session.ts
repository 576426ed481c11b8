import type { ForeignReader } from '@coatcheck/core'
import { checkPassword, openSeal } from './iron.ts'
import { asObject, check, checkOptions, createReader, presentedValues, type ReaderOptions } from './reader.ts'

export type { OldCookie, Taken } from './reader.ts'

/** Options of {@link fromIronSession}. */
export interface IronSessionOptions<Data extends object> extends ReaderOptions<Data> {
  /** The password that sealed the cookies, or all of them by their ids, as iron-session takes them. */
  readonly password: string | Readonly<Record<string, string>>
  /** The name of the cookie. */
  readonly cookieName: string
}

/** iron-session 9 splits a seal into so many cookies at most. */
const maxChunks = 4

/**
 * Reads the sessions of iron-session 8 and 9, also those in several cookies (`chunk: true`), and the seals of the
 * versions before 6. A session ends when its seal does, `ttl` after it was last saved; with `ttl: 0` it has no end of
 * its own.
 *
 * @example
 * fromIronSession<Data>({
 *   password: env.IRON_PASSWORD,
 *   cookieName: 'shop',
 *   take: ({ userId, ...data }: OldSession) => ({ data, userId }),
 * })
 */
export function fromIronSession<Data extends object = Record<string, unknown>>(
  options: IronSessionOptions<Data>,
): ForeignReader<Data> {
  checkOptions(options, ['password', 'cookieName'])
  const { cookieName, password } = options
  const passwords = new Map(Object.entries(typeof password === 'string' ? { 1: password } : (password ?? {})))
  check(passwords.size > 0, 'password', 'must be a string, or an object of passwords by their ids')
  for (const [id, one] of passwords) checkPassword(one, passwords.size === 1 ? 'password' : `password.${id}`)
  return createReader(options, {
    library: 'iron-session',
    name: cookieName,
    secure: true,
    sameSite: 'Lax',
    async find(header, now) {
      const chunks = chunksIn(header, cookieName)
      const cookies = [cookieName, ...chunks.keys()]
      for (const value of [...presentedValues(header, cookieName), [...chunks.values()].join('')]) {
        const seal = value.endsWith('~2') ? value.slice(0, -2) : value
        const opened = await openSeal(seal, passwords, [1], now)
        const content = opened && contentOf(opened.content, seal === value)
        if (content) return { content, expiresAt: opened.expiresAt, credential: seal, cookies }
      }
      return null
    },
  })
}

/** The parts that stand in the header, by their cookies' names. */
function chunksIn(header: string, name: string): ReadonlyMap<string, string> {
  const chunks = new Map<string, string>()
  for (let index = 0; index < maxChunks; index++) {
    const [value = ''] = presentedValues(header, `${name}.${index}`, 1)
    if (value === '') break
    chunks.set(`${name}.${index}`, value)
  }
  return chunks
}

/**
 * The `~2` behind a seal is not sealed, so that whoever holds it can take it off. Data are unwrapped only if they have the
 * form of old, where nothing stands beside `persistent` and `flash`.
 */
function contentOf(content: unknown, isLegacy: boolean): object | null {
  const data = asObject(content)
  if (data === null || !isLegacy) return data
  const isOld = Object.keys(data).every((key) => key === 'persistent' || key === 'flash')
  return isOld && 'persistent' in data ? asObject(data.persistent) : null
}
