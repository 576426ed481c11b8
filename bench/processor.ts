// wrk and the server take turns on one processor. With one of its own, wrk would fall asleep between the answers of
// all but the bare hosts, and a server would pay for waking it across processors, each time anew.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { findProgram } from '../scripts/programs.ts'

const processor = sharedProcessor()

/** Binds the thread of a process that runs its JavaScript; its collector and its thread pool stay free. */
export function bindToProcessor(pid: number): void {
  if (processor !== null) execFileSync('taskset', ['-c', '-p', processor, `${pid}`], { stdio: 'ignore' })
}

/** Puts a command on the same processor, where it does not interrupt a server that has something to do. */
export function besideServer(command: readonly string[]): readonly string[] {
  return processor === null ? command : ['taskset', '-c', processor, 'chrt', '--batch', '0', ...command]
}

/** The first that we may use; null where the system lets nobody choose, as macOS. */
function sharedProcessor(): string | null {
  const canChoose = ['taskset', 'chrt'].every((program) => findProgram([program]) !== null)
  if (process.platform !== 'linux' || !canChoose) return null
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? null
}
