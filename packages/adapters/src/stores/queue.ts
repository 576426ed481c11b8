/** Runs the tasks of one key one after the other, and those of different keys side by side. */
export type Queue = <Result>(key: string, task: () => Promise<Result>) => Promise<Result>

/** So that requests of one process do not compete for a lock that only one of them can get. */
export function createQueue(): Queue {
  const last = new Map<string, Promise<unknown>>()
  return (key, task) => {
    const former = last.get(key)
    // Nobody to wait for is the rule: then it begins at once. What it throws is a failure of the turn all the same.
    const turn = former === undefined ? (async () => task())() : former.then(task, task)
    last.set(key, turn)
    const leave = (): void => {
      if (last.get(key) === turn) last.delete(key)
    }
    turn.then(leave, leave)
    return turn
  }
}
