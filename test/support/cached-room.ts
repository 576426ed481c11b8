import type { SessionManagerOptions } from '@coatcheck/core'
import { Browser } from './browser.ts'
import { openCloakroom, type Cloakroom, type Goods } from './cloakroom.ts'

export const tokenName = '__Host-Http-sid'
export const snapshotName = '__Host-Http-sid-cache'

/** A cloakroom whose sessions have a snapshot of 60 seconds. */
export function openCachedRoom<Data extends object = Goods>(
  options: Partial<SessionManagerOptions<Data>> = {},
): Cloakroom<Data> {
  return openCloakroom<Data>({ cache: { for: '60s' }, ...options })
}

/** What a response does to our cookies, in order: `'set sid'`, `'remove sid-cache'`. */
export function cookieChanges({ headers }: Pick<Response, 'headers'>): string[] {
  return headers.getSetCookie().map((field) => {
    const [, name = ''] = /^(?:__Host-Http-)?([^=]*)=/.exec(field) ?? []
    return `${field.includes('Max-Age=0;') ? 'remove' : 'set'} ${name}`
  })
}

/** The cookies of a jar, by their names. */
export function cookiesOf(browser: Browser): Map<string, string> {
  const pairs = browser.cookie?.split('; ') ?? []
  return new Map(pairs.map((pair) => pair.split(/=(.*)/s, 2) as [string, string]))
}

/** The parts of a snapshot that a jar has, and nothing else of it. */
export function snapshotOf(browser: Browser): [name: string, value: string][] {
  return [...cookiesOf(browser)].filter(([name]) => name.startsWith(snapshotName))
}

/** The same jar, with other snapshot cookies in place of its own (by default none). */
export function withSnapshot(
  browser: Browser,
  cookies: Iterable<readonly [name: string, value: string]> = [],
): Browser {
  const rest = [...cookiesOf(browser)].filter(([name]) => !name.startsWith(snapshotName))
  return new Browser(browser.origin, [...rest, ...cookies])
}
