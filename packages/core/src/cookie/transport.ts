/** The part of a request that is looked at; every `Request` has it. */
export interface SessionRequest {
  /** The absolute URL. */
  readonly url: string
  readonly headers: { get(name: string): string | null }
}

/** How the request travelled: by which cookie it may carry a session, or why it may carry none. */
export type Transport = 'secure' | 'loopback' | 'plain-http' | 'untrusted-proxy'

const origin = /^(https?):\/\/(\[[^\]]*\]|[^/:?#]*)/i
const loopbackHost = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i
/** The headers by which a proxy announces itself. */
export const forwardingHeaders: readonly string[] = ['x-forwarded-proto', 'x-forwarded-for', 'forwarded']

/** Judges the transport. Forwarding headers count only when `trustProxy` says how many proxies stand in front (ASVS 4.1.3). */
export function transportOf(request: SessionRequest, trustProxy: number): Transport {
  const [, scheme = '', host = ''] = origin.exec(request.url) ?? []
  const forwarded = trustProxy > 0 ? forwardedScheme(request, trustProxy) : null
  if ((forwarded ?? scheme).toLowerCase() === 'https') return 'secure'
  // A proxy on the same machine makes every visitor look local, so the exception for development ends here.
  const proxied = forwardingHeaders.some((name) => request.headers.get(name) !== null)
  if (proxied) return trustProxy > 0 ? 'plain-http' : 'untrusted-proxy'
  return loopbackHost.test(host) ? 'loopback' : 'plain-http'
}

/** What the outermost trusted proxy saw. Each proxy appends, so that entry is counted from the right. */
function forwardedScheme(request: SessionRequest, trustProxy: number): string | null {
  const entries = request.headers.get('x-forwarded-proto')?.split(',')
  return entries?.at(-Math.min(trustProxy, entries.length))?.trim() ?? null
}

/** How to mend a transport that cannot carry a session, in a sentence. */
export function remedyFor(transport: 'plain-http' | 'untrusted-proxy'): string {
  return transport === 'untrusted-proxy'
    ? 'The request came through a proxy. If it is yours, set trustProxy to the number of proxies in front (usually 1).'
    : 'Session cookies need https. Serve the site over https; behind a proxy that ends TLS, let it send X-Forwarded-Proto and set trustProxy.'
}
