import { inspect } from 'node:util'

/** Is given the arguments of each call that prints something. */
type Printed = (where: string, args: readonly unknown[]) => void

/**
 * Sees all that goes to the console and to the process's streams, also what goes to a stand-in that a test has put
 * in the place of one of their methods. @returns What ends it.
 */
export function watchOutput(printed: Printed): () => void {
  const before = globalThis.console
  globalThis.console = seeingCalls(before, (name, args) => printed(`console.${name}`, args))
  const streams = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name]
    const { write } = stream
    stream.write = new Proxy(write, {
      apply(target, self, args: unknown[]) {
        printed(`process.${name}`, args)
        return Reflect.apply(target, self, args)
      },
    })
    return () => void (stream.write = write)
  })
  return () => {
    globalThis.console = before
    for (const restore of streams) restore()
  }
}

/** What a call printed, as text. */
export function printedText(args: readonly unknown[]): string {
  return args.map((arg) => (typeof arg === 'string' ? arg : inspect(arg, { depth: Infinity }))).join(' ')
}

/** The same object to everybody who uses, replaces or compares its methods, but calls are seen. */
function seeingCalls<Thing extends object>(
  thing: Thing,
  seen: (name: string, args: readonly unknown[]) => void,
): Thing {
  const watched = new WeakMap<object, object>()
  return new Proxy(thing, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function' || typeof name !== 'string') return value
      const known = watched.get(value)
      if (known !== undefined) return known
      const proxy = new Proxy(value, {
        apply(method, _, args: unknown[]) {
          seen(name, args)
          return Reflect.apply(method, target, args)
        },
      })
      watched.set(value, proxy)
      return proxy
    },
  })
}
