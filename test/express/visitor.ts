/** Somebody with a browser: keeps the cookies that responses set, drops those that they expire, follows no redirect. */
export class Visitor {
  readonly #origin: string
  readonly #cookies: Map<string, string>

  constructor(origin: string, cookies: Iterable<readonly [string, string]> = []) {
    this.#origin = origin
    this.#cookies = new Map(cookies)
  }

  /** The cookies, by name, as they stand in the header. */
  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies
  }

  /** Another tab, another server, or a thief: the same cookies, from now on apart. */
  copy(origin: string = this.#origin): Visitor {
    return new Visitor(origin, this.#cookies)
  }

  async visit(path = '/', init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    const pairs = [...this.#cookies].map(([name, value]) => `${name}=${value}`)
    if (pairs.length > 0 && !headers.has('cookie')) headers.set('cookie', pairs.join('; '))
    const response = await fetch(new URL(path, this.#origin), { redirect: 'manual', ...init, headers })
    for (const field of response.headers.getSetCookie()) this.#receive(field)
    return response
  }

  /** The text of a page; a status that is no success throws. */
  async read(path = '/', init: RequestInit = {}): Promise<string> {
    const response = await this.visit(path, init)
    const text = await response.text()
    if (response.status >= 400) throw new Error(`${path} answered ${response.status}: ${text}`)
    return text
  }

  #receive(field: string): void {
    const [pair = '', ...attributes] = field.split(/; */)
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(pair) ?? []
    const expires = attributes.find((attribute) => /^expires=/i.test(attribute))?.slice('expires='.length)
    const over = attributes.some((attribute) => /^max-age=0$/i.test(attribute))
    if (over || (expires !== undefined && Date.parse(expires) <= Date.now())) this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }
}
