/** Runs the tasks of one key one after the other, and those of different keys side by side. */
export type Queue = <Result>(key: string, task: () => Promise<Result>) => Promise<Result>

/** So that requests of one process do not compete for a lock that only one of them can get. */
export function createQueue(): Queue {
  const last = new Map<string, Promise<unknown>>()
  return async (key, task) => {
    const former = last.get(key) ?? Promise.resolve()
    const turn = former.then(task, task)
    last.set(key, turn)
    try {
      return await turn
    } finally {
      if (last.get(key) === turn) last.delete(key)
    }
  }
}
