/** The part of a request that is looked at; every `Request` has it. */
export interface CsrfRequest {
  readonly method: string
  /** The absolute URL. Where only a path is known, `Origin` is compared with the Host header alone. */
  readonly url: string
  readonly headers: { get(name: string): string | null }
}

const safeMethod = /^(?:GET|HEAD|OPTIONS)$/

/** Whether the method promises to change nothing (RFC 9110 §9.2.1). Methods are case-sensitive: `get` is another one. */
export function isSafe({ method }: CsrfRequest): boolean {
  return safeMethod.test(method)
}

/** Whether a GET asks for a WebSocket, which other sites may open with our cookies, and then read. */
export function isWebSocketUpgrade({ headers }: CsrfRequest): boolean {
  const protocols = headers.get('upgrade')?.split(',') ?? []
  return protocols.some((protocol) => /^\s*websocket\s*(?:\/|$)/i.test(protocol))
}

/** Where the server believes to be, by the URL of a request; null when that is only a path. */
export function originOf({ url }: CsrfRequest): string | null {
  if (!URL.canParse(url)) return null
  const { host, protocol } = new URL(url)
  // A page on https opens wss, and its Origin says https.
  const scheme = protocol.replace(/^ws/, 'http')
  return /^https?:$/.test(scheme) ? `${scheme}//${host}` : null
}

/** The path, with nothing decoded. */
export function pathOf(request: CsrfRequest): string {
  if (originOf(request) !== null) return new URL(request.url).pathname
  return request.url.split(/[?#]/, 1)[0] ?? ''
}
