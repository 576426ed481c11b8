import type { Server } from './visits.ts'

/** How a shared cache differs from the plain one of RFC 9111. */
export interface CacheProfile {
  /** The targeted fields that it obeys before `Cache-Control`, in this order (RFC 9213). */
  readonly targets?: readonly string[]
  /** Whether `Vary` makes variants (default true). Those that ignore it leave cookies out of the key. */
  readonly vary?: boolean
  /** What it does with a `Set-Cookie` in a response that it may keep (default `'keep'`, as RFC 9111 §7.3 allows). */
  readonly setCookie?: 'keep' | 'strip' | 'pass'
  /** Keeps a response that says nothing, for so many seconds (default 60: its heuristic, RFC 9111 §4.2.2). */
  readonly unsaid?: number
  /** Which paths it keeps anything of (default all). */
  readonly paths?: RegExp
  /** Whether it knows must-understand, and then passes over the no-store beside it (default false). */
  readonly mustUnderstand?: boolean
  /** Ignores what the origin says of caching, as an edge TTL does that an operator has set (default false). */
  readonly edgeTtl?: boolean
}

/** A shared cache in front of a server. */
export interface SharedCache {
  readonly server: Server
  /** How many responses it gave without asking the server. */
  readonly hits: number
}

/** Statuses that may be kept although nothing says so (RFC 9110 §15.1). */
const heuristicStatuses = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]
const understood = [...heuristicStatuses, 302, 303, 307]

interface Stored {
  readonly status: number
  headers: Headers
  readonly body: Uint8Array<ArrayBuffer> | null
  /** The request fields that `Vary` names, with their values. */
  readonly selecting: ReadonlyMap<string, string | null>
  freshUntil: number
  storedAt: number
}

/** A cache as RFC 9111 lets it be: it keeps and gives away whatever it may. The clock is in milliseconds. */
export function sharedCache(origin: Server, now: () => number, profile: CacheProfile = {}): SharedCache {
  const { edgeTtl = false, paths = /^/, setCookie = 'keep', targets = [], unsaid = 60, vary = true } = profile
  const entries = new Map<string, Stored[]>()
  let hits = 0

  /** How long a response may be reused without a question, in seconds; null when it may not be kept (§3, §4.2.1). */
  function lifetimeOf(response: Response, request: Request): number | null {
    const { headers, status } = response
    if (edgeTtl) return 3600
    const { directives, targeted } = policyOf(headers, targets)
    const known = profile.mustUnderstand === true && directives.has('must-understand')
    if (known ? !understood.includes(status) : directives.has('no-store')) return null
    if (directives.has('private')) return null
    const isPublic = ['public', 's-maxage', 'must-revalidate'].some((name) => directives.has(name))
    if (request.headers.has('authorization') && !isPublic) return null
    const expires = targeted ? null : headers.get('expires')
    const age = secondsOf(directives.get('s-maxage')) ?? secondsOf(directives.get('max-age'))
    const explicit = age ?? (expires === null ? null : expiresIn(expires, headers))
    if (explicit === null && !directives.has('public') && !heuristicStatuses.includes(status)) return null
    if (directives.has('no-cache')) return 0
    return explicit ?? unsaid
  }

  function keep(key: string, request: Request, response: Response, body: Stored['body']): void {
    const { headers, status } = response
    if (!paths.test(new URL(request.url).pathname) || headers.get('vary')?.includes('*')) return
    const seconds = lifetimeOf(response, request)
    const kept = new Headers(headers)
    if (seconds === null || (kept.has('set-cookie') && setCookie === 'pass')) return
    if (setCookie === 'strip') kept.delete('set-cookie')
    const names = vary ? namesIn(headers.get('vary')) : []
    const selecting = new Map(names.map((name) => [name, request.headers.get(name)]))
    const others = (entries.get(key) ?? []).filter((entry) => !matches(entry, request))
    const freshUntil = now() + (seconds - (secondsOf(headers.get('age')) ?? 0)) * 1000
    entries.set(key, [...others, { status, headers: kept, body, selecting, freshUntil, storedAt: now() }])
  }

  /** Asks the server whether what is kept still holds (§4.3). */
  async function validate(key: string, request: Request, stored: Stored): Promise<Response> {
    const headers = new Headers(request.headers)
    headers.set('if-none-match', stored.headers.get('etag')!)
    const response = await origin(new Request(request, { headers }))
    if (response.status !== 304) return pass(key, request, response)
    // The new head goes into what is kept, its cookies included (§3.2).
    const merged = new Headers(stored.headers)
    for (const name of response.headers.keys()) merged.delete(name)
    for (const [name, value] of response.headers) merged.append(name, value)
    const whole = new Response(stored.body, { status: stored.status, headers: merged })
    entries.set(
      key,
      entries.get(key)!.filter((entry) => entry !== stored),
    )
    keep(key, request, whole, stored.body)
    return new Response(stored.body, { status: stored.status, headers: merged })
  }

  async function pass(key: string, request: Request, response: Response): Promise<Response> {
    if (!['GET', 'HEAD'].includes(request.method)) {
      // An unsafe method that succeeds ends what was kept (§4.4).
      if (response.status < 400) entries.delete(key)
      return response
    }
    const body = response.body === null ? null : new Uint8Array(await response.arrayBuffer())
    if (request.method === 'GET' && response.status !== 304) keep(key, request, response, body)
    return new Response(body, response)
  }

  return {
    get hits() {
      return hits
    },
    async server(request) {
      const key = request.url
      const asksAnew = directivesIn(request.headers.get('cache-control')).has('no-cache')
      const stored = (entries.get(key) ?? []).find((entry) => matches(entry, request))
      if (request.method !== 'GET' || stored === undefined || request.headers.has('if-none-match'))
        return pass(key, request, await origin(request))
      if (stored.freshUntil > now() && !asksAnew) {
        hits++
        const headers = new Headers(stored.headers)
        headers.set('age', `${Math.floor((now() - stored.storedAt) / 1000)}`)
        return new Response(stored.body, { status: stored.status, headers })
      }
      if (stored.headers.has('etag')) return validate(key, request, stored)
      return pass(key, request, await origin(request))
    },
  }
}

/** The directives that count, and whether they come from a targeted field: then `Expires` does not (RFC 9213 §2.2). */
function policyOf(
  headers: Headers,
  targets: readonly string[],
): { directives: ReadonlyMap<string, string>; targeted: boolean } {
  const target = targets.find((name) => (headers.get(name) ?? '').trim() !== '')
  return { directives: directivesIn(headers.get(target ?? 'cache-control')), targeted: target !== undefined }
}

/** The directives of a field, by their names in lower case; the first of a name counts. */
function directivesIn(field: string | null): ReadonlyMap<string, string> {
  const directives = new Map<string, string>()
  for (const [, name = '', quoted, plain] of (field ?? '').matchAll(
    /([^\s,="]+)(?:="([^"]*)"|=([^\s,]*))?/g,
  )) {
    const key = name.toLowerCase()
    if (!directives.has(key)) directives.set(key, quoted ?? plain ?? '')
  }
  return directives
}

function secondsOf(text: string | null | undefined): number | null {
  return text !== null && text !== undefined && /^\d+$/.test(text) ? Number(text) : null
}

/** Seconds from `Date` to `Expires`; what is no date is in the past (§5.3). */
function expiresIn(expires: string, headers: Headers): number {
  const until = Date.parse(expires)
  const from = Date.parse(headers.get('date') ?? new Date().toUTCString())
  return Number.isNaN(until) ? 0 : Math.max(0, (until - from) / 1000)
}

function namesIn(vary: string | null): string[] {
  return (vary ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
}

function matches({ selecting }: Stored, request: Request): boolean {
  return [...selecting].every(([name, value]) => request.headers.get(name) === value)
}

const targetedFirst = ['Cloudflare-CDN-Cache-Control', 'CDN-Cache-Control']

/** Caches that people put in front of servers, as their manuals describe them. */
export const cacheProfiles: Readonly<Record<string, CacheProfile>> = {
  'RFC 9111': {},
  'RFC 9111 with must-understand': { mustUnderstand: true },
  'RFC 9213': { targets: ['CDN-Cache-Control'] },
  Cloudflare: { targets: targetedFirst, vary: false, setCookie: 'pass', paths: /\.(?:css|js|png)$/ },
  'Cloudflare without origin cache control': {
    targets: targetedFirst,
    vary: false,
    setCookie: 'strip',
    paths: /\.(?:css|js|png)$/,
    unsaid: 7200,
  },
  'Cloudflare, cache everything': { targets: targetedFirst, vary: false, setCookie: 'pass' },
  CloudFront: { vary: false, unsaid: 86_400 },
  Vercel: { targets: ['Vercel-CDN-Cache-Control', 'CDN-Cache-Control'], vary: false, setCookie: 'pass' },
  Netlify: { targets: ['Netlify-CDN-Cache-Control', 'CDN-Cache-Control'], vary: false },
  Fastly: { targets: ['Surrogate-Control'], setCookie: 'pass', unsaid: 3600 },
}
