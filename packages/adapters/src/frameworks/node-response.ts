import type { ServerResponse } from 'node:http'
import type { NodeResponse } from '@coatcheck/core'
import { setFields } from './head-fields.ts'

/**
 * Node's own response, where `@hono/node-server` serves the request and no head has gone. What is set on it stays out of
 * the `Response`, which a handler may have kept for the next visitor, and which is dear to copy there.
 *
 * @param env The bindings of a context.
 */
export function nodeResponseOf(env: unknown): NodeResponse | undefined {
  const outgoing = (env as { readonly outgoing?: ServerResponse } | undefined)?.outgoing
  // Bindings of one's own may be called so.
  return outgoing?.headersSent === false ? new LateFields(outgoing) : undefined
}

/** Fields that go out beside those that the head is written with, which would take their place otherwise. */
class LateFields implements NodeResponse {
  readonly #res: ServerResponse
  #writeHead: ServerResponse['writeHead'] | null = null
  #fields: Record<string, Value> = {}

  constructor(res: ServerResponse) {
    this.#res = res
  }

  getHeader(name: string): Value | undefined {
    return this.#fields[name]
  }

  setHeader(name: string, value: Value | readonly string[]): void {
    if (this.#writeHead === null) {
      this.#writeHead = this.#res.writeHead
      this.#res.writeHead = this.#onWriteHead.bind(this)
    }
    this.#fields[name] = value as Value
  }

  removeHeader(name: string): void {
    delete this.#fields[name]
  }

  #onWriteHead(status: number, ...rest: unknown[]): ServerResponse {
    const res = this.#res
    res.writeHead = this.#writeHead!
    const reason = typeof rest[0] === 'string' ? [rest[0]] : []
    setFields(res, rest.at(-1))
    // A 304 changes what caches keep for everybody.
    if (status !== 304) {
      for (const [name, value] of Object.entries(this.#fields)) res.appendHeader(name, value as string[])
    }
    return res.writeHead(status, ...reason)
  }
}

type Value = string | number | string[]
