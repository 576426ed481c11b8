import { check } from '../errors.ts'
import { pathOf, type CsrfRequest } from './request.ts'

/**
 * Routes, by path or by a function. `'/hooks/stripe'` is this path alone, `'/hooks/*'` all that lies below `/hooks/`.
 */
export type CsrfRoutes = readonly string[] | ((request: CsrfRequest) => boolean)

type Matcher = (request: CsrfRequest) => boolean

/** An escaped slash, dot or backslash, or an empty segment: routers disagree on where such a path leads. */
const ambiguous = /%2[ef]|%5c|\\|\/\//i

/** Matches the routes that go unchecked: in doubt a path is none of them. Throws `ERR_SESSION_CONFIG` for what is no path. */
export function exemptionOf(routes: CsrfRoutes): Matcher {
  if (typeof routes === 'function') return routes
  const { exact, prefixes } = read(routes, 'exempt')
  return (request) => {
    const path = pathOf(request)
    if (ambiguous.test(path)) return false
    return exact.includes(path) || prefixes.some((prefix) => path.startsWith(prefix))
  }
}

/** Matches the routes that are checked whatever the method: in doubt a path is one of them. */
export function sensitivityOf(routes: CsrfRoutes): Matcher {
  if (typeof routes === 'function') return routes
  const { exact, prefixes } = read(routes, 'sensitive')
  const names = exact.map(plain)
  const beginnings = prefixes.map(plain)
  return (request) => {
    const path = plain(pathOf(request))
    return names.includes(path) || beginnings.some((beginning) => path.startsWith(beginning))
  }
}

function read(routes: readonly string[], option: string): { exact: string[]; prefixes: string[] } {
  check(Array.isArray(routes), option, 'must be an array of paths, or a function')
  for (const route of routes) {
    const isPath = typeof route === 'string' && /^\/(?:[^\s?#*]*\/)?(?:\*|[^\s?#*/]*)$/.test(route)
    check(isPath, option, "must have paths, such as '/hooks/stripe', or '/hooks/*' for all that lies below")
  }
  return {
    exact: routes.filter((route) => !route.endsWith('*')),
    prefixes: routes.filter((route) => route.endsWith('*')).map((route) => route.slice(0, -1)),
  }
}

/** A path without what some routers overlook: case, escapes, doubled slashes. It always ends in a slash. */
function plain(path: string): string {
  return `${unescaped(path)}/`.replaceAll(/[/\\]+/g, '/').toLowerCase()
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
