/** A value that is there, or will be. */
export type Maybe<Value> = Value | Promise<Value>

/**
 * Work in steps: a generator that yields a promise where it has to wait, and goes on at once where it need not. To call
 * another piece of work, or to wait, is `yield*`.
 *
 * An `async` function gives a promise even when nothing in it was one, and on Node a response that has to wait for a
 * promise costs far more than the promise.
 */
export type Steps<Value> = Generator<Promise<unknown>, Value, unknown>

/** Waits for a value, unless it is there. */
export function* wait<Value>(value: Maybe<Value>): Steps<Value> {
  return isPending(value) ? ((yield value) as Value) : value
}

/** As `wait`, for what a call gives; and what the call throws at once is a failure of the work as well. */
export function* waitFor<Value>(call: () => Maybe<Value>): Steps<Value> {
  return yield* wait(call())
}

/** Goes on with a value: at once when it is there. */
export function andThen<Value, Result>(
  value: Maybe<Value>,
  use: (value: Value) => Maybe<Result>,
): Maybe<Result> {
  return isPending(value) ? Promise.resolve(value).then(use) : use(value)
}

/** Whether a value is to be waited for: a promise, also of another realm, or what is awaited like one, as queries are. */
export function isPending<Value>(value: Maybe<Value>): value is Promise<Value> {
  const candidate = value as { readonly then?: unknown } | null | undefined
  return typeof candidate?.then === 'function'
}

/** Does the work: to its end if it need not wait, else as far as it can. */
export function run<Value>(steps: Steps<Value>): Maybe<Value> {
  const { done, value } = steps.next()
  return done === true ? value : finish(steps, value)
}

async function finish<Value>(steps: Steps<Value>, first: Promise<unknown>): Promise<Value> {
  let next: IteratorResult<Promise<unknown>, Value>
  let pending = first
  do {
    let value: unknown
    try {
      value = await pending
    } catch (error) {
      next = steps.throw(error)
      if (next.done !== true) pending = next.value
      continue
    }
    next = steps.next(value)
    if (next.done !== true) pending = next.value
  } while (next.done !== true)
  return next.value
}

/** What comes of the work; null when it fails. */
export function* orNull<Value>(steps: Steps<Value>): Steps<Value | null> {
  try {
    return yield* steps
  } catch {
    return null
  }
}
