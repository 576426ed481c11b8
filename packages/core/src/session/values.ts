import { assertJson, toJsonText } from './json.ts'

/** The data of a session as loaded: parsed JSON under each key. */
export type Values = ReadonlyMap<string, unknown>

/** The data of a new session. */
export const noValues: Values = new Map()

/** Computes a value from the one before; `undefined` means there is none. */
export type Update = (value: unknown) => unknown

/** A key that this request looked at or changed. */
interface Entry {
  /** What the handler sees. */
  value: unknown
  /** JSON of the value as it was last known, to find changes made in place. */
  text: string | undefined
  /** JSON of the value as it was loaded. */
  readonly loaded: string | undefined
  /**
   * How the key was changed, which is how the change is replayed when another request has written first:
   * `replaced` writes this value; `updated` runs the functions again; `taken` deletes, unless a newer value is there.
   */
  change: 'none' | 'replaced' | 'updated' | 'taken'
  updates: Update[]
}

/**
 * The values of one session as one request sees them, and what it changed. Dirty is found by comparison: only
 * objects that were handed out are compared, so a request that only reads primitives serialises nothing.
 */
export class WorkingCopy {
  #base: Values
  readonly #loaded: Values
  readonly #entries = new Map<string, Entry>()

  constructor(loaded: Values) {
    this.#loaded = loaded
    this.#base = loaded
  }

  get(key: string): unknown {
    const entry = this.#entries.get(key)
    if (entry !== undefined) return entry.value
    const value = this.#base.get(key)
    // A primitive cannot be changed in place, so reading one leaves no trace.
    return isObject(value) ? this.#entry(key).value : value
  }

  has(key: string): boolean {
    const entry = this.#entries.get(key)
    return entry === undefined ? this.#base.has(key) : entry.value !== undefined
  }

  set(key: string, value: unknown): void {
    if (value !== undefined) assertJson(value, key, [])
    this.#replace(this.#entry(key), value)
  }

  update(key: string, change: Update): void {
    const entry = this.#entry(key)
    const replayable =
      (entry.change === 'none' || entry.change === 'updated') && entry.text === textOf(key, entry.value)
    const value = resultOf(change, entry.value, key)
    if (!replayable) return this.#replace(entry, value)
    entry.value = value
    entry.text = textOf(key, value)
    entry.change = 'updated'
    entry.updates.push(change)
  }

  take(key: string): unknown {
    const entry = this.#entry(key)
    const { value } = entry
    if (value === undefined) return undefined
    this.#replace(entry, undefined)
    if (entry.loaded !== undefined) entry.change = 'taken'
    return value
  }

  clear(): void {
    this.#base = new Map()
    for (const entry of this.#entries.values()) this.#replace(entry, undefined)
  }

  keys(): string[] {
    const keys = new Set(this.#base.keys())
    for (const [key, { value }] of this.#entries) {
      if (value === undefined) keys.delete(key)
      else keys.add(key)
    }
    return [...keys]
  }

  /** The keys whose values differ from what was loaded. Throws `ERR_SESSION_DATA` for what was put into an object in place. */
  changedKeys(): string[] {
    const changed = this.#cleared ? [...this.#loaded.keys()].filter((key) => !this.#entries.has(key)) : []
    for (const [key, entry] of this.#entries) if (this.#isChanged(key, entry)) changed.push(key)
    return changed
  }

  /** What is to be written over `newest`, which is what was loaded or what another request has written since. */
  rebase(newest: Values): Values {
    const result = new Map(this.#cleared ? [] : newest)
    const undisturbed = newest === this.#loaded
    for (const [key, entry] of this.#entries) {
      const changed = this.#isChanged(key, entry)
      // Nothing of `newest` stays after `clear`, so there what equals it is written too.
      if (!changed && !undisturbed && !this.#cleared) continue
      const value = undisturbed ? entry.value : replayed(key, entry, result.get(key))
      if (value === undefined) result.delete(key)
      else result.set(key, value)
    }
    return result
  }

  get #cleared(): boolean {
    return this.#base !== this.#loaded
  }

  #entry(key: string): Entry {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const value = this.#base.get(key)
    const loaded = textOf(key, this.#loaded.get(key))
    const text = this.#cleared ? undefined : loaded
    const entry: Entry = { value, text, loaded, change: 'none', updates: [] }
    this.#entries.set(key, entry)
    return entry
  }

  #replace(entry: Entry, value: unknown): void {
    entry.value = value
    entry.change = 'replaced'
    entry.updates = []
  }

  #isChanged(key: string, entry: Entry): boolean {
    if (entry.value === undefined) return entry.loaded !== undefined
    const text = textOf(key, entry.value)
    if (text === entry.loaded) return false
    assertJson(entry.value, key, [])
    if (text !== entry.text) this.#replace(entry, entry.value)
    return true
  }
}

function replayed(key: string, entry: Entry, newest: unknown): unknown {
  if (entry.change === 'updated') {
    return entry.updates.reduce((value, change) => resultOf(change, value, key), newest)
  }
  if (entry.change === 'taken') return textOf(key, newest) === entry.loaded ? undefined : newest
  return entry.value
}

function resultOf(change: Update, value: unknown, key: string): unknown {
  const result = change(value)
  if (result !== undefined) assertJson(result, key, [])
  return result
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function textOf(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  try {
    return JSON.stringify(value)
  } catch {
    // A cycle or a BigInt was put into an object in place: say where.
    return toJsonText(key, value)
  }
}
