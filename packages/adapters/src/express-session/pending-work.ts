import type { Maybe } from './maybe.ts'
import type { Told } from './session.ts'

/** What the handler of one request has begun with its session, whether or not it waits for it. */
export class PendingWork {
  #unfinished = 0
  /** Made when somebody waits. */
  #over: PromiseWithResolvers<void> | null = null
  #broken: { readonly error: unknown; readonly told: Told } | null = null

  /** Lets the response wait for it. */
  track<Result>(work: Promise<Result>): Promise<Result> {
    this.#unfinished++
    const finish = (): void => {
      if (--this.#unfinished > 0) return
      this.#over?.resolve()
      this.#over = null
    }
    work.then(finish, finish)
    return work
  }

  /** Keeps a failure of which nobody may have been told: who logs out and does not wait must not see a page that says so. */
  fail(error: unknown, told: Told): never {
    this.#broken = { error, told }
    throw error
  }

  /** Throws what was noted, if nobody has been told of it. */
  throwUntold(): void {
    if (this.#broken?.told() === false) throw this.#broken.error
  }

  /** Takes a step when all is over. */
  afterwards(step: () => Maybe<void>): Maybe<void> {
    if (this.#unfinished === 0) return step()
    this.#over ??= Promise.withResolvers()
    return this.#over.promise.then(() => this.afterwards(step))
  }
}
