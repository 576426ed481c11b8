/** A map that holds so many entries; then the oldest go. */
export class Latest<Key, Value> {
  readonly #entries = new Map<Key, Value>()
  /** One that goes on: each new one would have to pass the empty places of those that have gone, thousands of them. */
  readonly #oldest = this.#entries.keys()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  /** @param key Not yet among them. */
  add(key: Key, value: Value): void {
    if (this.#entries.size >= this.#most) this.#entries.delete(this.#oldest.next().value!)
    this.#entries.set(key, value)
  }
}
