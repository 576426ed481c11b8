import { SessionError, type ForeignReader, type SameSite } from '@coatcheck/core'
import { cookieValues } from '@coatcheck/core/cookie-header'

/** What becomes of an old session. */
export interface Taken<Data extends object> {
  readonly data: Partial<Data>
  /** Who is signed in (default null: nobody). */
  readonly userId?: string | null
}

/** How the old library sets its cookie. A browser removes a cookie only if path and domain are the same. */
export interface OldCookie {
  /** (default `'/'`) */
  readonly path?: string
  /** (default: none, the host alone) */
  readonly domain?: string
  /** (default: as the library does by itself) */
  readonly secure?: boolean
  /** (default: as the library does by itself) */
  readonly sameSite?: SameSite | Lowercase<SameSite>
  /** (default false) */
  readonly partitioned?: boolean
}

/** Options of all readers. */
export interface ReaderOptions<Data extends object> {
  /**
   * Makes our data of the library's; null leaves the session behind (default: all of its data are kept as they are, and
   * nobody is signed in). What it throws, the request fails with: no visitor is dropped in silence. So do
   * data that do not fit the schema.
   */
  take?(data: unknown): Taken<Data> | null
  /** How the old library sets its cookie, if it was told so. */
  readonly cookie?: OldCookie
}

/** A session as it was found: its data, before `take`. */
export interface Found {
  readonly content: object
  readonly createdAt?: number | null
  readonly expiresAt?: number | null
  /** Null where visitors with equal data have equal cookies. */
  readonly credential: string | null
  /** The names of the cookies that it was in, and of those that go with them. */
  readonly cookies: readonly string[]
}

/** What a reader is made of. */
export interface ReaderParts {
  /** Names the library, in events. */
  readonly library: string
  /** The name of the cookie. */
  readonly name: string
  /** What the library does by itself. */
  readonly secure: boolean
  readonly sameSite?: SameSite
  /** Finds the session, unless its time is over. Never throws for what the client sent. */
  find(header: string, now: number): Promise<Found | null>
}

/** The longest `Cookie` header that is looked at, in characters: h3 and iron-session split sessions of 16 kB and more. */
const maxHeader = 65_536
/** How many cookies of a name are looked at: anybody can send many, and each costs cryptography. */
const maxCandidates = 4

const names: readonly (keyof ReaderOptions<object>)[] = ['take', 'cookie']
const namesOfCookie: readonly (keyof OldCookie)[] = ['path', 'domain', 'secure', 'sameSite', 'partitioned']

const nameGrammar = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const pathGrammar = /^\/[!-:<-~]*$/
const domainGrammar = /^\.?[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i

/** Throws `ERR_SESSION_CONFIG` for an option that neither all readers nor this one have. */
export function checkOptions<Data extends object>(
  options: ReaderOptions<Data>,
  ofThisReader: readonly string[],
): void {
  checkNames(options, 'options', [...ofThisReader, ...names])
}

/** A reader of what `find` finds; throws `ERR_SESSION_CONFIG` for an option that is wrong. */
export function createReader<Data extends object>(
  options: ReaderOptions<Data>,
  { find, library, ...cookie }: ReaderParts,
): ForeignReader<Data> {
  const { take } = options
  check(take === undefined || typeof take === 'function', 'take', 'must be a function')
  const removal = removalOf(cookie, options.cookie ?? {})
  return {
    library,
    async read(header, now) {
      const found = header.length > maxHeader ? null : await find(header, now)
      if (found === null) return null
      const { content, cookies, createdAt = null, credential, expiresAt = null } = found
      const taken = take === undefined ? { data: { ...content } as Partial<Data> } : take(content)
      if (taken === null) return null
      const { data, userId = null } = checkTaken(taken)
      return {
        data,
        userId,
        createdAt,
        expiresAt,
        credential,
        removeCookies: cookies.map((name) => `${name}=${removal}`),
      }
    },
  }
}

/** The values that cookies of a name have, as they are. */
export function rawValues(header: string, name: string, most: number = maxCandidates): string[] {
  return cookieValues(header, name).slice(0, most)
}

/** The values that cookies of a name have: most libraries percent-encode them. */
export function presentedValues(header: string, name: string, most?: number): string[] {
  return rawValues(header, name, most).map((value) => {
    try {
      return value.includes('%') ? decodeURIComponent(value) : value
    } catch {
      return value
    }
  })
}

/** The object that a JSON text holds; null when it is none. */
export function parseObject(text: string): object | null {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return null
  }
}

/** A value that is an object and no list; else null. */
export function asObject(value: unknown): object | null {
  return typeof value === 'object' && !Array.isArray(value) ? value : null
}

/** Throws `ERR_SESSION_CONFIG` unless the condition holds: `option` is named first, then what it must be. */
export function check(holds: boolean, option: string, rule: string): asserts holds {
  if (!holds) throw new SessionError('ERR_SESSION_CONFIG', `${option} ${rule}.`)
}

function checkNames(options: object, option: string, known: readonly string[]): void {
  check(typeof options === 'object' && options !== null, option, 'must be an object')
  const stranger = Object.keys(options).find((name) => !known.includes(name))
  check(stranger === undefined, `${option}.${stranger}`, `is not known; there are ${known.join(', ')}`)
}

/** A number where a text belongs is what JavaScript alone lets pass; the login behind it would be nobody's. */
function checkTaken<Data extends object>(taken: Taken<Data>): Taken<Data> {
  check(asObject(taken?.data) !== null, 'take', 'must return { data, userId } at once, or null')
  const { userId = null } = taken
  check(
    userId === null || (typeof userId === 'string' && userId !== ''),
    'take',
    'must return a userId that is a string and not empty, or null for nobody',
  )
  return taken
}

/** What follows the name in a field that removes the cookie: browsers refuse some cookies without their attributes. */
function removalOf(defaults: Pick<ReaderParts, 'name' | 'secure' | 'sameSite'>, cookie: OldCookie): string {
  checkNames(cookie, 'cookie', namesOfCookie)
  const { name } = defaults
  const { domain, partitioned = false, path = '/' } = cookie
  const sameSite = cookie.sameSite ?? defaults.sameSite
  check(typeof name === 'string' && nameGrammar.test(name), 'cookieName', 'must be the name of a cookie')
  check(pathGrammar.test(path), 'cookie.path', "must begin with '/'")
  check(domain === undefined || domainGrammar.test(domain), 'cookie.domain', "must be like 'example.com'")
  const isSite = sameSite === undefined || /^(?:strict|lax|none)$/i.test(sameSite)
  check(isSite, 'cookie.sameSite', "must be 'Strict', 'Lax' or 'None'")
  const needsSecure = partitioned || /^none$/i.test(sameSite ?? '') || /^__(?:Host|Secure|Http)-/i.test(name)
  const secure = cookie.secure ?? (defaults.secure || needsSecure)
  const flags = typeof secure === 'boolean' && typeof partitioned === 'boolean'
  check(flags, 'cookie.secure and cookie.partitioned', 'must be true or false')
  check(secure || !needsSecure, 'cookie.secure', 'must be true for this cookie, or browsers keep it')
  check(
    !/^__Host-/i.test(name) || (path === '/' && domain === undefined),
    'cookie',
    'with __Host- has no path and no domain',
  )
  let field = `; Path=${path}`
  if (domain !== undefined) field += `; Domain=${domain}`
  field += '; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT'
  if (secure) field += '; Secure'
  field += '; HttpOnly'
  if (sameSite !== undefined) field += `; SameSite=${sameSite.charAt(0).toUpperCase()}${sameSite.slice(1)}`
  if (partitioned) field += '; Partitioned'
  return field
}
