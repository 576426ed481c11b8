import { createSessionManager, type SessionManager, type SessionManagerOptions } from '@coatcheck/core'
import { watchCloakrooms } from './cloakroom.ts'
import type { CountingStore } from './counting-store.ts'
import { watchCrypto } from './crypto-watch.ts'
import { createLeakDetector } from './leak-detector.ts'
import { printedText, watchOutput } from './output-watch.ts'
import { cookiesIn, stringsIn, type Target } from './stolen-store.ts'

/** Looks over everything that tests make the library do. */
export interface LeakWatch {
  /** One sentence for each leak since the last call. None of them repeats the leak. */
  takeFaults(): Promise<string[]>
  /** Puts back what was replaced. */
  stop(): void
}

/**
 * Begins to watch: cryptography, for every secret and proof; cloakrooms, for events, errors, sessions and records;
 * the console and the process's streams, for every line.
 */
export function startLeakWatch(): LeakWatch {
  const detector = createLeakDetector()
  let objects: object[] = []
  let stores: CountingStore[] = []
  let records = new Set<string>()
  /** Of the whole file: a manager may serve several of its tests. */
  const targets: Target[] = []

  function failed(error: unknown): never {
    detector.showObject('an error', error)
    throw error
  }

  /** Calls a function and looks at what it throws or rejects with. */
  function tried<Result>(call: () => Result): Result {
    try {
      const result = call()
      return result instanceof Promise ? (result.catch(failed) as Result) : result
    } catch (error) {
      return failed(error)
    }
  }

  /** Keeps an object of the library, to look at it when the test is over. A response is for the client alone. */
  function kept<Thing>(thing: Thing): Thing {
    if (typeof thing === 'object' && thing !== null && !(thing instanceof Response)) objects.push(thing)
    if (isSession(thing)) watchMethods(Object.getPrototypeOf(thing) as object, tried)
    return thing
  }

  function createManager<Data extends object>(options: SessionManagerOptions<Data>): SessionManager<Data> {
    targets.push(options)
    // Those that are refused become no key, but must not be in the refusal either.
    for (const text of stringsIn(options.secrets)) detector.hide('a secret', text)
    const { onEvent } = options
    const watched = onEvent && {
      onEvent: (event: Parameters<typeof onEvent>[0]) => {
        detector.showObject(`the event ${event.type}`, event)
        return onEvent(event)
      },
    }
    const store = noting(options.store, (record) => records.add(record))
    const manager = kept(tried(() => createSessionManager<Data>({ ...options, ...watched, store })))
    // The same objects: other doors know a manager by it.
    for (const methods of [manager, manager.now]) Object.assign(methods, watchedMethods(methods))
    return manager
  }

  /** The methods of an object, each of which looks at what it is given, gives and throws. */
  function watchedMethods(object: object): object {
    const methods = Object.entries(object).filter((entry): entry is [string, Method] => {
      return typeof entry[1] === 'function'
    })
    const watched = methods.map(([name, method]) => [
      name,
      (...args: unknown[]) => {
        const result = tried(() => method(...args.map((arg) => withKept(arg, kept))))
        return result instanceof Promise ? result.then(kept) : kept(result)
      },
    ])
    return Object.fromEntries(watched) as object
  }

  const stops = [
    watchCloakrooms({ createManager, opened: (store) => void stores.push(store) }),
    watchCrypto(detector),
    watchOutput((where, args) => {
      const text = printedText(args)
      detector.show(where, text)
      if (!deliberate.some((known) => known.test(text)))
        for (const arg of args) detector.showObject(where, arg)
    }),
  ]

  return {
    async takeFaults() {
      for (const object of objects) detector.showObject(`a ${object.constructor.name}`, object)
      for (const store of stores) {
        for (const [id, { payload }] of await store.dump()) records.add(id).add(payload)
      }
      const usable = await cookiesIn(records, targets)
      const faults = detector.takeFaults()
      ;[objects, stores, records] = [[], [], new Set()]
      targets.splice(0, targets.length - mostTargets)
      return usable === 0 ? faults : [...faults, `the store holds ${usable} texts that work as a cookie`]
    },
    stop: () => stops.forEach((stop) => stop()),
  }
}

/** What is printed in several lines on purpose: the drop-in warns in the words of express-session. */
const deliberate = [/^Warning: connect\.session\(\) MemoryStore is not\n/]

/** Some tests make hundreds of managers. */
const mostTargets = 16

type Method = (...args: unknown[]) => unknown

/** A handler that the library calls back: what it is given is looked at, too. */
function withKept(arg: unknown, kept: (thing: unknown) => unknown): unknown {
  return typeof arg === 'function' ? (...args: unknown[]) => (arg as Method)(...args.map(kept)) : arg
}

function isSession(thing: unknown): thing is object {
  return typeof thing === 'object' && thing !== null && 'takeFlash' in thing
}

const watchedPrototypes = new WeakSet<object>()

/** Has each call of a method of the class pass through `tried`. */
function watchMethods(prototype: object, tried: <Result>(call: () => Result) => Result): void {
  if (watchedPrototypes.has(prototype)) return
  watchedPrototypes.add(prototype)
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    const method: unknown = descriptor.value
    if (typeof method !== 'function' || name === 'constructor') continue
    Object.defineProperty(prototype, name, {
      ...descriptor,
      value(this: unknown, ...args: unknown[]): unknown {
        return tried(() => Reflect.apply(method, this, args) as unknown)
      },
    })
  }
}

/** The store, and every id and payload that is written to it. */
function noting<Store>(store: Store, note: (text: string) => void): Store {
  // What is no store is for the library to refuse.
  if (typeof store !== 'object' || store === null || store instanceof Map) return store
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        for (const text of stringsIn(args)) note(text)
        return Reflect.apply(value, target, args) as unknown
      }
    },
  })
}
