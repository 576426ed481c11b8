/**
 * A visitor's cookie jar. It knows nothing of sessions: it keeps what `Set-Cookie` says and sends it back, refuses
 * prefixed cookies without what their prefix demands (RFC 6265bis §4.1.3), and forgets those with Max-Age=0.
 */
export class Browser {
  readonly origin: string
  #cookies: Map<string, string>

  constructor(origin = 'https://shop.test', cookies: Iterable<readonly [name: string, value: string]> = []) {
    this.origin = origin
    this.#cookies = new Map(cookies)
  }

  /** The `Cookie` header of the next request, or null. */
  get cookie(): string | null {
    const pairs = [...this.#cookies].map(([name, value]) => `${name}=${value}`)
    return pairs.length === 0 ? null : pairs.join('; ')
  }

  /** The value of a cookie, or of the only one there is. */
  value(name?: string): string {
    const value = name === undefined ? [...this.#cookies.values()][0] : this.#cookies.get(name)
    if (value === undefined) throw new Error(`The jar has no cookie ${name ?? ''}.`)
    return value
  }

  /** A request for a path, with the cookies. */
  request(path = '/', init: RequestInit = {}): Request {
    const headers = new Headers(init.headers)
    if (this.cookie !== null) headers.set('cookie', this.cookie)
    return new Request(new URL(path, this.origin), { ...init, headers })
  }

  /** Takes over what a response says of cookies. */
  receive<Message extends { readonly headers: Headers }>(response: Message): Message {
    for (const field of response.headers.getSetCookie()) this.#receive(field)
    return response
  }

  /** The same cookies in other hands: an earlier state of this jar, or a thief. */
  copy(): Browser {
    return new Browser(this.origin, this.#cookies)
  }

  #receive(field: string): void {
    const [pair = '', ...attributes] = field.split('; ')
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(pair) ?? []
    const has = (attribute: string): boolean => attributes.includes(attribute)
    const scoped = has('Path=/') && !attributes.some((attribute) => attribute.startsWith('Domain='))
    if (name.startsWith('__') && !has('Secure')) return
    if (name.startsWith('__Host-') && !scoped) return
    if (/^__(Host-)?Http-/.test(name) && !has('HttpOnly')) return
    if (has('Max-Age=0')) this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }
}
