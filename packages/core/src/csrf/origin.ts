import { check } from '../errors.ts'
import type { CsrfReason } from '../manager/events.ts'
import { originOf, type CsrfRequest } from './request.ts'

/** What the headers alone can say against a request. */
export type SourceFault = Extract<CsrfReason, 'cross-site' | 'cross-origin' | 'no-origin'>

/** Whom the site takes for itself, and whom it trusts. */
export interface SourcePolicy {
  /** The public origin; null takes that of the request's URL. */
  readonly origin: string | null
  readonly trusted: ReadonlySet<string>
}

/**
 * Judges by `Sec-Fetch-Site`, and without it by `Origin`, compared as a whole: scheme, host and port. This is the
 * algorithm of Go's `CrossOriginProtection`, but stricter: http is not https, and silence is no consent. Forwarding
 * headers are never read, and neither is `Referer`.
 */
export function sourceFault(
  request: CsrfRequest,
  { origin: own, trusted }: SourcePolicy,
): SourceFault | null {
  const site = request.headers.get('sec-fetch-site')
  const origin = request.headers.get('origin')
  if (site === 'same-origin' || site === 'none') return null
  if (origin !== null && trusted.has(origin)) return null
  // A sibling domain is another site: whoever holds one subdomain should not hold all.
  if (site !== null && site !== '') return 'cross-site'
  if (origin === null) return 'no-origin'
  return isOwn(origin, request, own) ? null : 'cross-origin'
}

function isOwn(origin: string, request: CsrfRequest, own: string | null): boolean {
  const here = own ?? originOf(request)
  if (here !== null) return origin === here
  // The scheme is unknown here, so that of Origin has to do.
  const scheme = /^https?:\/\//.exec(origin)?.[0]
  const host = request.headers.get('host')
  if (scheme === undefined || host === null || !URL.canParse(scheme + host)) return false
  return origin === new URL(scheme + host).origin
}

const remedy =
  'Origin and the server name different places. If a proxy in front ends TLS or changes the Host header, ' +
  "tell csrf where browsers see the site: origin: 'https://…'."

const forwardingHeaders = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']

/** What to tell the developer when it looks as if the site did not know its own origin; null when it does not. */
export function originRemedy(request: CsrfRequest, { origin: own }: SourcePolicy): string | null {
  const origin = request.headers.get('origin') ?? ''
  if (own !== null || !/^https?:\/\//.test(origin)) return null
  const here = originOf(request)
  const isTwin = here !== null && origin.replace(/^https?/, '') === here.replace(/^https?/, '')
  return isTwin || forwardingHeaders.some((name) => request.headers.get(name) !== null) ? remedy : null
}

/** Throws `ERR_SESSION_CONFIG` unless this is an origin as browsers write it, for one site only. */
export function assertOrigin(value: unknown, option: string): asserts value is string {
  const [, scheme = '', host = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^\s/?#@\\*]+)$/.exec(String(value)) ?? []
  check(
    typeof value === 'string' && host !== '',
    option,
    "must be a scheme and a host, such as 'https://app.example.com': no path, no slash at the end, no wildcard",
  )
  if (!/^https?$/.test(scheme)) return
  const written = URL.canParse(value) ? new URL(value).origin : null
  check(
    written === value,
    option,
    `must be written as browsers do${written === null ? '' : `: '${written}'`}`,
  )
}
