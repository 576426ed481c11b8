import type { ServerResponse } from 'node:http'
import type { NodeResponse } from '@coatcheck/core'

/**
 * The head as the hook sees it, even while it is said to have gone. A class: V8 puts object literals that refer to each
 * request among what lives long, and with them the whole request.
 */
export class OpenHead implements NodeResponse {
  readonly #res: ServerResponse
  readonly #whileOpen: (change: () => unknown) => void

  constructor(res: ServerResponse, whileOpen: (change: () => unknown) => void) {
    this.#res = res
    this.#whileOpen = whileOpen
  }

  getHeader(name: string): ReturnType<NodeResponse['getHeader']> {
    return this.#res.getHeader(name)
  }

  setHeader(name: string, value: Parameters<NodeResponse['setHeader']>[1]): void {
    this.#whileOpen(() => this.#res.setHeader(name, value))
  }

  removeHeader(name: string): void {
    this.#whileOpen(() => this.#res.removeHeader(name))
  }
}
