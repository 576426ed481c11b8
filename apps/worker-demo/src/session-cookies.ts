import type { Context } from 'hono'

/** A cookie as `name=value`, which is what counts for the limits of browsers and servers. */
export type CookiePair = string

// The session, or in hybrid its snapshot; either may go on in further cookies: `.1`, `.2`…
const ours = /^(?:__Host-Http-)?sid(?:-cache)?(?:\.\d+)?=/

/** The session's cookies that the browser sent. */
export function sentCookies(c: Context): CookiePair[] {
  return (c.req.header('Cookie') ?? '').split(/; */).filter((pair) => ours.test(pair))
}

/** The session's cookies that the response sets or takes back, with their attributes. */
export function setCookies(c: Context): { pair: CookiePair; attributes: readonly string[] }[] {
  return c.res.headers
    .getSetCookie()
    .filter((field) => ours.test(field))
    .map((field) => {
      const [pair = '', ...attributes] = field.split('; ')
      return { pair, attributes }
    })
}

/** How many octets the pairs take together. */
export function octetsOf(pairs: readonly CookiePair[]): number {
  return pairs.reduce((sum, pair) => sum + pair.length, 0)
}
