import type { ServerResponse } from 'node:http'
import { setFields } from './head-fields.ts'

/**
 * What is appended to Node's own response, where `@hono/node-server` serves the request and no head has gone. It stays
 * out of the `Response`, which a handler may have kept for the next visitor, and which is dear to copy there.
 *
 * @param env The bindings of a context.
 */
export function nodeResponseOf(env: unknown): Pick<Headers, 'append'> | undefined {
  const outgoing = (env as { readonly outgoing?: ServerResponse } | undefined)?.outgoing
  // Bindings of one's own may be called so.
  return outgoing?.headersSent === false ? new LateFields(outgoing) : undefined
}

/** Fields that go out beside those that the head is written with, which would take their place otherwise. */
class LateFields implements Pick<Headers, 'append'> {
  readonly #res: ServerResponse
  /** Null as long as there are none, as for most responses. */
  #fields: [name: string, value: string][] | null = null

  constructor(res: ServerResponse) {
    this.#res = res
  }

  append(name: string, value: string): void {
    if (this.#fields === null) {
      this.#fields = []
      this.#res.writeHead = this.#writeHead.bind(this, this.#res.writeHead, this.#fields)
    }
    this.#fields.push([name, value])
  }

  #writeHead(
    before: ServerResponse['writeHead'],
    fields: readonly [name: string, value: string][],
    status: number,
    ...rest: unknown[]
  ): ServerResponse {
    const res = this.#res
    res.writeHead = before
    const reason = typeof rest[0] === 'string' ? [rest[0]] : []
    setFields(res, rest.at(-1))
    // A 304 changes what caches keep for everybody.
    if (status !== 304) for (const [name, value] of fields) res.appendHeader(name, value)
    return res.writeHead(status, ...reason)
  }
}
