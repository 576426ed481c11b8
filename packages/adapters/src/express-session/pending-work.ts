import type { Maybe } from './maybe.ts'
import type { Told } from './session.ts'

/** What the handler of one request has begun with its session, whether or not it waits for it. */
export class PendingWork {
  #working: Promise<unknown> | null = null
  #broken: { readonly error: unknown; readonly told: Told } | null = null

  /** Lets the response wait for it. */
  track<Result>(work: Promise<Result>): Promise<Result> {
    const all = Promise.allSettled([this.#working, work]).finally(() => {
      if (this.#working === all) this.#working = null
    })
    this.#working = all
    return work
  }

  /** Keeps a failure of which nobody may have been told: who logs out and does not wait must not see a page that says so. */
  note(work: Promise<void>, told: Told): Promise<void> {
    return work.catch((error: unknown) => {
      this.#broken = { error, told }
      throw error
    })
  }

  /** Throws what was noted, if nobody has been told of it. */
  throwUntold(): void {
    if (this.#broken?.told() === false) throw this.#broken.error
  }

  /** Takes a step when all is over. */
  afterwards(step: () => Maybe<void>): Maybe<void> {
    return this.#working === null ? step() : this.#working.then(() => this.afterwards(step))
  }
}
