import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { SessionRequest } from '@coatcheck/core'

/** The part of a request that is looked at: of node:http, node:https or node:http2, or of a framework above them. */
export interface NodeRequest {
  readonly headers: IncomingHttpHeaders
  readonly socket: Socket
}

/** Whether a connection is one of TLS. */
export function isEncrypted(socket: Socket): boolean {
  return 'encrypted' in socket && socket.encrypted === true
}

/** Only the socket says how a request came; an absolute URL in its first line is the client's word. */
export function sessionRequest(request: NodeRequest, path = '/'): SessionRequest {
  return new HeldRequest(request, path)
}

/** A class, and not object literals, for the reason that `OpenHead` is one. */
class HeldRequest implements SessionRequest {
  readonly #fields: IncomingHttpHeaders
  readonly url: string
  readonly headers: this = this

  constructor({ headers, socket }: NodeRequest, path: string) {
    const scheme = isEncrypted(socket) ? 'https' : 'http'
    const host = headers[':authority'] ?? headers.host ?? ''
    this.#fields = headers
    this.url = `${scheme}://${String(host)}${path}`
  }

  get(name: string): string | null {
    return this.#fields[name]?.toString() ?? null
  }
}
