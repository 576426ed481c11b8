/** A response's header fields: those of a `Response`, or any object of the same shape. */
export type HeaderFields = Pick<Headers, 'append' | 'delete' | 'get' | 'set'>

/** The part of Node's `ServerResponse` that is needed to change its head. */
export interface NodeResponse {
  getHeader(name: string): number | string | string[] | undefined
  setHeader(name: string, value: number | string | readonly string[]): unknown
  removeHeader(name: string): void
}

/** What a committed session asks of the response: its cookies, the caching rules that go with it, and `Clear-Site-Data`. */
export interface SessionHeaders {
  /** Whether the response may go out as it is. */
  readonly isEmpty: boolean
  /** Changes the head of a response that has not been sent. */
  applyTo(target: HeaderFields | NodeResponse): void
  /**
   * The response with these headers. A 101 is always left alone. What is for this client alone comes with a copy, since a
   * `Response` may be the one that the next visitor gets too. Caching rules alone change the response itself where it has
   * a body, which is hardly sent twice, and headers that can be changed.
   *
   * @param own Takes what is for this client alone, where the response is sent by way of Node: then that needs no copy.
   */
  applied(response: Response, own?: Pick<Headers, 'append'>): Response
}

/** Each of these overrides `Cache-Control` in some shared cache (RFC 9213). In lower case, as Node makes of every name. */
const targetedCacheFields = [
  'cdn-cache-control',
  'cloudflare-cdn-cache-control',
  'vercel-cdn-cache-control',
  'netlify-cdn-cache-control',
  'surrogate-control',
]

/**
 * @param setCookies The `Set-Cookie` values; none when the cookies stay as they are.
 * @param accessed Whether the response may depend on the session.
 * @param clearSiteData The `Clear-Site-Data` value of a logout, or null.
 */
export function createSessionHeaders(
  setCookies: readonly string[],
  accessed: boolean,
  clearSiteData: string | null = null,
): SessionHeaders {
  const isPlain = setCookies.length === 0 && clearSiteData === null
  if (!isPlain) return headersFor(setCookies, clearSiteData, isPlain)
  return accessed ? dependent : untouched
}

/** For all responses that only depend on the session. */
const dependent = headersFor([], null, true)

/** For all responses that go out as they are. */
const untouched: SessionHeaders = {
  isEmpty: true,
  applyTo() {},
  applied: (response) => response,
}

/** The headers of one response; `isPlain` when they are caching rules alone. */
function headersFor(
  setCookies: readonly string[],
  clearSiteData: string | null,
  isPlain: boolean,
): SessionHeaders {
  const change = (fields: HeaderFields, own: Pick<HeaderFields, 'append'> = fields): void => {
    for (const name of targetedCacheFields) if (fields.get(name) !== null) fields.delete(name)
    if (isPlain) {
      fields.set('cache-control', privateDirectives(fields.get('cache-control')))
    } else {
      // Set-Cookie does not keep a response out of caches (RFC 9111 §7.3).
      fields.set('cache-control', 'no-store')
      fields.delete('expires')
    }
    fields.set('vary', withCookie(fields.get('vary')))
    for (const setCookie of setCookies) own.append('set-cookie', setCookie)
    if (clearSiteData !== null) own.append('clear-site-data', clearSiteData)
  }
  return {
    isEmpty: false,
    applyTo: (target) => change('getHeader' in target ? new NodeFields(target) : target),
    applied(response, own) {
      const { headers, status } = response
      // 0 is an error's; on @hono/node-server, to ask for `type` or `body` costs more than all of this.
      if (status === 101 || status === 0) return response
      const hasBody = headers.has('content-type') || response.body !== null
      if ((isPlain || own) && hasBody && hasTaken(() => change(headers, own))) return response
      const copy = new Response(response.body, response)
      change(copy.headers, own)
      return copy
    },
  }
}

/** Whether a change could be made in place; the headers of what `fetch` has brought refuse it. */
function hasTaken(change: () => void): boolean {
  try {
    change()
    return true
  } catch {
    return false
  }
}

/** Takes from a `Cache-Control` what lets shared caches keep the response, unless it is stricter already. */
function privateDirectives(cacheControl: string | null): string {
  if (cacheControl === null) return 'private'
  const directives = cacheControl.match(/[^\s,"=]+(?:\s*=\s*(?:"[^"]*"|[^\s,]*))?/g) ?? []
  const kept = directives.filter((directive) => !/^(?:public|private|s-maxage)(?![\w-])/i.test(directive))
  const names = kept.map((directive) => directive.toLowerCase())
  // A cache that knows must-understand passes over the no-store beside it (RFC 9111 §5.2.2.3).
  if (names.includes('no-store') && !names.includes('must-understand')) return kept.join(', ')
  return ['private', ...kept].join(', ')
}

function withCookie(vary: string | null): string {
  if (vary === null || vary.trim() === '') return 'Cookie'
  const names = vary.split(',').map((name) => name.trim().toLowerCase())
  return names.includes('*') || names.includes('cookie') ? vary : `${vary}, Cookie`
}

/** A Node response seen as header fields. Its lists are kept as lists: `Set-Cookie` cannot be joined. */
class NodeFields implements HeaderFields {
  readonly #response: NodeResponse

  constructor(response: NodeResponse) {
    this.#response = response
  }

  get(name: string): string | null {
    const value = this.#response.getHeader(name)
    return value === undefined ? null : Array.isArray(value) ? value.join(', ') : String(value)
  }

  set(name: string, value: string): void {
    this.#response.setHeader(name, value)
  }

  delete(name: string): void {
    this.#response.removeHeader(name)
  }

  append(name: string, value: string): void {
    const before = this.#response.getHeader(name) ?? []
    this.#response.setHeader(name, [...(Array.isArray(before) ? before : [String(before)]), value])
  }
}
