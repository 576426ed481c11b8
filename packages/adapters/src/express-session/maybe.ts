/** A value that is there, or will be. */
export type Maybe<Value> = Value | Promise<Value>

/** Goes on with a value: at once, unless it has to be waited for. */
export function using<Value, Result>(
  value: Maybe<Value>,
  use: (value: Value) => Maybe<Result>,
): Maybe<Result> {
  return value instanceof Promise ? value.then(use) : use(value)
}

/** Does something, or begins it, at once. What it throws comes as a rejection, as it does from what takes its time. */
export function attempt<Result>(work: () => Result): Result | Promise<Awaited<Result>> {
  try {
    return work()
  } catch (error) {
    return Promise.reject(error)
  }
}
