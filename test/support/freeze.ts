import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Stops these processes in their tracks, and returns when each of their threads stands still. */
export function freeze(pids: readonly number[]): void {
  const stopped = pids.filter((pid) => done(() => process.kill(pid, 'SIGSTOP')))
  while (!stopped.every((pid) => statesOf(pid).every((state) => state.startsWith('T'))));
}

/** False for a process or thread that has just ended. */
function done(act: () => unknown): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}

/** What the threads of a process do, as `ps` tells it: one letter each, T for those that are stopped. */
function statesOf(pid: number): string[] {
  if (process.platform !== 'linux') {
    return [execFileSync('ps', ['-o', 'state=', '-p', `${pid}`]).toString()]
  }
  const threads = `/proc/${pid}/task`
  // The name, in brackets, may hold anything; the state comes after the last bracket.
  const states: string[] = []
  done(() => {
    for (const thread of readdirSync(threads)) {
      const stat = readFileSync(`${threads}/${thread}/stat`, 'utf8')
      states.push(stat.slice(stat.lastIndexOf(')') + 2))
    }
  })
  return states
}
