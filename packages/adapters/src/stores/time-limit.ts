/** Rejects with this message when the work takes longer, in milliseconds: what waits for a server must not wait for ever. */
export function within<Result>(timeout: number, message: string, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(message)), timeout)
    const inTime =
      <Value>(settle: (value: Value) => void) =>
      (value: Value): void => {
        clearTimeout(timer)
        settle(value)
      }
    work.then(inTime(resolve), inTime(reject))
  })
}

/** What to say of a call that was late, and what to do about it; `call` begins the sentence. */
export function lateCall(call: string, timeout: number): string {
  return `${call} took longer than ${timeout} ms; if that is only slow, raise the option timeout.`
}

/** Throws unless the option is a time that a timer can keep. */
export function checkTimeout(timeout: number, factory: string): void {
  if (timeout > 0 && timeout < 2 ** 31) return
  throw new Error(`The option timeout of ${factory} must be a number of milliseconds above 0.`)
}
