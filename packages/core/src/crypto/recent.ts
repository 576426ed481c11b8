/**
 * Remembers what was used last: at least `size` entries, and at most twice as many. Two maps take turns, since one that
 * gives up its oldest entry each time has to search behind ever more gaps for the next.
 */
export class Recent<Value> {
  readonly #size: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  constructor(size: number) {
    this.#size = size
  }

  /** How many there are. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const older = this.#old.get(key)
    if (older === undefined) return undefined
    this.#old.delete(key)
    this.set(key, older)
    return older
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(detached(key), value)
  }
}

/** A part of a string keeps the whole alive, in V8: here that would be the Cookie header of each visitor. */
export function detached(text: string): string {
  return ` ${text}`.slice(1)
}
