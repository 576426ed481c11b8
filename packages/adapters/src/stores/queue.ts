/** Runs the tasks of one key one after the other, and those of different keys side by side. */
export type Queue = <Result>(key: string, task: () => Promise<Result>) => Promise<Result>

/** So that requests of one process do not compete for a lock that only one of them can get. */
export function createQueue(): Queue {
  const last = new Map<string, Promise<unknown>>()
  return (key, task) => {
    const former = last.get(key)
    // Nobody to wait for is the rule: then it begins at once.
    const turn = former === undefined ? begin(task) : former.then(task, task)
    last.set(key, turn)
    const leave = (): void => {
      if (last.get(key) === turn) last.delete(key)
    }
    turn.then(leave, leave)
    return turn
  }
}

function begin<Result>(task: () => Promise<Result>): Promise<Result> {
  try {
    return task()
  } catch (error) {
    return Promise.reject(error)
  }
}
