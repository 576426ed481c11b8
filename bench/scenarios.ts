/** What a session holds. */
export interface Goods {
  readonly views: number
  readonly [key: string]: unknown
}

/** 230 bytes of JSON. */
export const smallGoods: Goods = {
  views: 1,
  name: 'Ada Lovelace',
  locale: 'en-GB',
  theme: 'dark',
  returnTo: '/account/orders?page=2',
  cart: [
    { sku: 'hat-black-57', count: 1, price: 4900 },
    { sku: 'coat-grey-m', count: 2, price: 18900 },
  ],
  seenBanner: true,
}

/** 2 kB of JSON: a cart that has grown. Sealed into a cookie it still fits. */
export const largeGoods: Goods = {
  ...smallGoods,
  cart: Array.from({ length: 41 }, (_, at) => ({ sku: `item-${1000 + at}`, count: 1, price: 4900 + at })),
}

/**
 * Where the cookie of each request comes from. `warm`: 512 sessions in turn. `cold`: up to 100,000 in turn, so
 * that no request finds its session in a cache. `once`: a session that is used up by the request. `forged`: a
 * changed cookie. `large`: sessions of 2 kB. `none`: only cookies of others.
 * `crowd`: up to a million in turn.
 */
export type CookieSource = 'none' | 'warm' | 'cold' | 'once' | 'forged' | 'large' | 'crowd'

/** A kind of request. */
export interface Scenario {
  readonly name: string
  readonly cookies: CookieSource
  /** The path of the nth request. */
  path(at: number): string
  /** What a sound answer says. */
  readonly answer: RegExp
  /** Whether the wire measures it as well; a session that is used up cannot be made fast enough there. */
  readonly onWire: 'always' | 'full' | 'never'
}

const digits = /^\d+$/
const always = (path: string) => (): string => path

/** All kinds of requests, in the order of the tables. */
export const scenarios: readonly Scenario[] = [
  { name: 'no cookie', cookies: 'none', path: always('/none'), answer: /^none$/, onWire: 'full' },
  { name: 'new visitor', cookies: 'none', path: always('/new'), answer: /^new$/, onWire: 'full' },
  { name: 'read', cookies: 'warm', path: always('/read'), answer: digits, onWire: 'always' },
  { name: 'read, cold', cookies: 'cold', path: always('/read'), answer: digits, onWire: 'full' },
  { name: 'write', cookies: 'warm', path: always('/write'), answer: digits, onWire: 'always' },
  { name: '1 write in 10', cookies: 'warm', path: mixed, answer: digits, onWire: 'full' },
  { name: 'forged', cookies: 'forged', path: always('/read'), answer: /^(none|1)$/, onWire: 'full' },
  { name: 'login', cookies: 'once', path: always('/login'), answer: /^in$/, onWire: 'never' },
  { name: 'read 2 kB', cookies: 'large', path: always('/read'), answer: digits, onWire: 'full' },
  { name: 'write 2 kB', cookies: 'large', path: always('/write'), answer: digits, onWire: 'full' },
]

/** How many sessions take turns. Cookies that hold the session meet no store and no cache: 64 of them do. */
export function visitorsOf(source: CookieSource, keeps: 'memory' | 'redis' | 'cookie' | 'nothing'): number {
  if (source === 'crowd') return 1_000_000
  if (source === 'cold') return 100_000
  return keeps === 'cookie' || source === 'large' ? 64 : 512
}

/** One that takes minutes to prepare, and is a part of its own. */
export const crowd: Scenario = {
  name: 'read, a million visitors',
  cookies: 'crowd',
  path: always('/read'),
  answer: digits,
  onWire: 'never',
}

/** What a browser sends beside the session's cookie, on either side of it. */
export function cookieHeader(session: string | null): string {
  const own = session === null ? '' : `${session}; `
  return `theme=dark; _ga=GA1.1.1034811523.1718000000; ${own}consent=all-2024`
}

/** The scenario of this name. */
export function scenarioOf(name: string): Scenario {
  const found = [...scenarios, crowd].find((scenario) => scenario.name === name)
  if (found === undefined) throw new Error(`There is no scenario '${name}'.`)
  return found
}

function mixed(at: number): string {
  return at % 10 === 9 ? '/write' : '/read'
}
