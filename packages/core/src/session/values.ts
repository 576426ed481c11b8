import { assertJson, toJsonText } from './json.ts'

/**
 * The data of a session as loaded: parsed JSON under each key. Its keys are its own properties and may be called
 * `__proto__`: read by {@link valueOf}.
 */
export type Values = Readonly<Record<string, unknown>>

/** The data of a new session. */
export const noValues: Values = {}

/** What stands under a key; `undefined` when nothing does. */
export function valueOf(values: Values, key: string): unknown {
  return Object.hasOwn(values, key) ? values[key] : undefined
}

/** Computes a value from the one before; `undefined` means there is none. */
export type Update = (value: unknown) => unknown

/**
 * What tells whether a value is still what it was: the JSON text of an object; of a string itself, behind a quotation
 * mark so that it is no such text; every other value is its own print.
 */
type Print = string | number | boolean | null | undefined

/** A key that this request looked at or changed. */
interface Entry {
  /** What the handler sees. */
  value: unknown
  /** Of the value as it was last known, to find changes made in place. */
  print: Print
  /** Of the value as it was loaded. */
  readonly loaded: Print
  /**
   * How the key was changed, which is how the change is replayed when another request has written first:
   * `replaced` writes this value; `updated` runs the functions again; `taken` deletes, unless a newer value is there.
   */
  change: 'none' | 'replaced' | 'updated' | 'taken'
  updates: readonly Update[]
}

const none: readonly never[] = []

/**
 * The values of one session as one request sees them, and what it changed. Dirty is found by comparison: only
 * objects that were handed out are compared, so a request that only reads primitives serialises nothing.
 */
export class WorkingCopy {
  #base: Values
  readonly #loaded: Values
  /** Null as long as nothing could have been changed. */
  #entries: Map<string, Entry> | null = null
  #sealed: readonly string[] | null = null

  constructor(loaded: Values) {
    this.#loaded = loaded
    this.#base = loaded
  }

  get(key: string): unknown {
    const entry = this.#entries?.get(key)
    if (entry !== undefined) return entry.value
    const value = valueOf(this.#base, key)
    // A primitive cannot be changed in place, so reading one leaves no trace.
    return isObject(value) ? this.#entry(key).value : value
  }

  has(key: string): boolean {
    const entry = this.#entries?.get(key)
    return entry === undefined ? Object.hasOwn(this.#base, key) : entry.value !== undefined
  }

  set(key: string, value: unknown): void {
    if (value !== undefined) assertJson(value, key)
    replace(this.#entry(key), value)
  }

  update(key: string, change: Update): void {
    const entry = this.#entry(key)
    const replayable =
      (entry.change === 'none' || entry.change === 'updated') && entry.print === printOf(key, entry.value)
    const value = resultOf(change, entry.value, key)
    if (!replayable) return replace(entry, value)
    entry.value = value
    entry.print = printOf(key, value)
    entry.change = 'updated'
    entry.updates = [...entry.updates, change]
  }

  take(key: string): unknown {
    const entry = this.#entry(key)
    const { value } = entry
    if (value === undefined) return undefined
    replace(entry, undefined)
    if (entry.loaded !== undefined) entry.change = 'taken'
    return value
  }

  clear(): void {
    this.#base = {}
    for (const entry of this.#known().values()) replace(entry, undefined)
  }

  keys(): string[] {
    const keys = new Set(Object.keys(this.#base))
    for (const [key, { value }] of this.#known()) {
      if (value === undefined) keys.delete(key)
      else keys.add(key)
    }
    return [...keys]
  }

  /**
   * The keys whose values differ from what was loaded. Throws `ERR_SESSION_DATA` for what was put into an object in
   * place.
   */
  changedKeys(): readonly string[] {
    if (this.#sealed !== null) return this.#sealed
    if (this.#entries === null && !this.#cleared) return none
    const entries = this.#known()
    const changed = this.#cleared ? Object.keys(this.#loaded).filter((key) => !entries.has(key)) : []
    for (const [key, entry] of entries) if (isChanged(key, entry)) changed.push(key)
    return changed
  }

  /** Ends the changes: what they are is found now, once, and with what it throws. */
  seal(): void {
    this.#sealed = this.changedKeys()
  }

  /** What is to be written over `newest`, which is what was loaded or what another request has written since. */
  rebase(newest: Values): Values {
    const changedKeys = this.changedKeys()
    const undisturbed = newest === this.#loaded
    if (this.#entries === null && undisturbed && !this.#cleared) return newest
    const result: Record<string, unknown> = this.#cleared ? {} : { ...newest }
    for (const [key, entry] of this.#known()) {
      // Nothing of `newest` stays after `clear`, so there what equals it is written too.
      if (!undisturbed && !this.#cleared && !changedKeys.includes(key)) continue
      put(result, key, undisturbed ? entry.value : replayed(key, entry, valueOf(result, key)))
    }
    return result
  }

  get #cleared(): boolean {
    return this.#base !== this.#loaded
  }

  #known(): Map<string, Entry> {
    return (this.#entries ??= new Map())
  }

  #entry(key: string): Entry {
    const known = this.#entries?.get(key)
    if (known !== undefined) return known
    const value = valueOf(this.#base, key)
    const loaded = printOf(key, valueOf(this.#loaded, key))
    const print = this.#cleared ? undefined : loaded
    const entry: Entry = { value, print, loaded, change: 'none', updates: none }
    this.#known().set(key, entry)
    return entry
  }
}

function replace(entry: Entry, value: unknown): void {
  entry.value = value
  entry.change = 'replaced'
  entry.updates = none
}

function isChanged(key: string, entry: Entry): boolean {
  const { loaded, value } = entry
  if (value === undefined) return loaded !== undefined
  // What is new need not be compared with anything, unless it may have been changed in place since an update.
  const isNew = loaded === undefined && entry.change === 'replaced'
  const print = isNew ? undefined : printOf(key, value)
  if (!isNew && print === loaded) return false
  if (isObject(value)) assertJson(value, key)
  if (!isNew && print !== entry.print) replace(entry, value)
  return true
}

function replayed(key: string, entry: Entry, newest: unknown): unknown {
  if (entry.change === 'updated') {
    return entry.updates.reduce((value, change) => resultOf(change, value, key), newest)
  }
  if (entry.change === 'taken') return printOf(key, newest) === entry.loaded ? undefined : newest
  return entry.value
}

function resultOf(change: Update, value: unknown, key: string): unknown {
  const result = change(value)
  if (result !== undefined) assertJson(result, key)
  return result
}

function put(values: Record<string, unknown>, key: string, value: unknown): void {
  if (value === undefined) delete values[key]
  // To assign this name is to set the prototype.
  else if (key === '__proto__')
    Object.defineProperty(values, key, { value, configurable: true, enumerable: true, writable: true })
  else values[key] = value
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function printOf(key: string, value: unknown): Print {
  if (typeof value === 'string') return `"${value}`
  if (!isObject(value)) return value as Print
  try {
    return JSON.stringify(value)
  } catch {
    // A cycle or a BigInt was put into an object in place: say where.
    return toJsonText(key, value)
  }
}
