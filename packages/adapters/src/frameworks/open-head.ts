import type { ServerResponse } from 'node:http'
import type { NodeResponse } from '@coatcheck/core'
import { describingHeaders } from './describing-headers.ts'
import { isHttp1, pretendEnded, pretendSent } from './pretence.ts'

/**
 * The head of a response, which hooks can change even while it is held, that is, said to have gone. A class: V8 puts
 * object literals that refer to each request among what lives long, and with them the whole request.
 */
export class OpenHead implements NodeResponse {
  readonly #res: ServerResponse
  #isHeld = false
  #isEnded = false

  constructor(res: ServerResponse) {
    this.#res = res
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Lets the response say that its head has gone. @param ended Whether it is to say that all has. */
  hold(ended: boolean): void {
    this.#isHeld = true
    this.#isEnded = ended
    pretendSent(this.#res, true)
    // Not by Node's own `finished`: a closing server cuts connections by it, and what streams below write is refused.
    pretendEnded(this.#res, ended)
  }

  /** Lets it say again what is true. */
  release(): void {
    this.#isHeld = false
    pretendSent(this.#res, false)
    pretendEnded(this.#res, false)
  }

  getHeader(name: string): ReturnType<NodeResponse['getHeader']> {
    return this.#res.getHeader(name)
  }

  setHeader(name: string, value: Parameters<NodeResponse['setHeader']>[1]): void {
    if (this.#isHeld) this.#whileReleased(() => this.#res.setHeader(name, value))
    else this.#res.setHeader(name, value)
  }

  removeHeader(name: string): void {
    if (this.#isHeld) this.#whileReleased(() => this.#res.removeHeader(name))
    else this.#res.removeHeader(name)
  }

  #whileReleased(change: () => unknown): void {
    this.release()
    try {
      change()
    } finally {
      this.hold(this.#isEnded)
    }
  }
}

/** Takes back what was said of a page that is not going to be sent. */
export function beginAnew(res: ServerResponse): void {
  // A length that was removed is not computed again.
  for (const name of describingHeaders) if (res.hasHeader(name)) res.removeHeader(name)
  res.statusCode = 500
  if (isHttp1(res)) res.statusMessage = ''
}
