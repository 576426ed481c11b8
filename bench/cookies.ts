// The cookies that a subject has given out, as a browser would send them back.
import type { Lane } from './fetch-lane.ts'
import { cookieHeader, type CookieSource } from './scenarios.ts'

/** The `name=value` pairs of `Set-Cookie` fields: the last of each name counts, and those that are removed are left out. */
export function pairsOf(fields: readonly string[]): string {
  const values = new Map<string, string>()
  for (const field of fields) {
    const [pair = ''] = field.split(';', 1)
    const at = pair.indexOf('=')
    values.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim())
  }
  return [...values]
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')
}

/** Changes one character of each value, where neither a padding nor an ignored bit can hide it. */
export function forged(pairs: string): string {
  return pairs
    .split('; ')
    .map((pair) => {
      const at = pair.length - 6
      return pair.slice(0, at) + (pair[at] === 'a' ? 'b' : 'a') + pair.slice(at + 1)
    })
    .join('; ')
}

/** Makes a session. @returns Its cookie pairs. */
export async function newSession(lane: Lane, path = '/new'): Promise<string> {
  const pairs = pairsOf((await lane.ask(path, cookieHeader(null))).cookies)
  if (pairs === '') throw new Error(`${path} gave no cookie.`)
  return pairs
}

/**
 * The `Cookie` fields of a source.
 *
 * @param most How many at most, by source and for how long at most, in milliseconds.
 */
export async function cookiesFrom(
  source: CookieSource,
  lanes: readonly Lane[],
  most: { readonly count: number; readonly milliseconds: number },
): Promise<string[]> {
  if (source === 'none') return [cookieHeader(null)]
  const path = source === 'large' ? '/new-large' : '/new'
  const end = performance.now() + most.milliseconds
  const made: string[] = []
  let left = most.count
  const makeOn = async (lane: Lane): Promise<void> => {
    while (left-- > 0 && performance.now() < end) {
      const pairs = await newSession(lane, path)
      made.push(cookieHeader(source === 'forged' ? forged(pairs) : pairs))
    }
  }
  await Promise.all(lanes.map(makeOn))
  return made
}
