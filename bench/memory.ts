import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { memoryStores } from './memory-stores.ts'
import type { Plan } from './plan.ts'
import type { MemoryRow } from './results.ts'

const program = fileURLToPath(new URL('memory-process.ts', import.meta.url))

/** Measures each store in a process of its own. */
export async function measureMemory(plan: Plan): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = []
  for (const sessions of plan.sessionsInMemory) {
    for (const store of Object.keys(memoryStores)) {
      plan.say(`memory: ${store} with ${sessions} sessions`)
      rows.push(await measureStore(store, sessions))
    }
  }
  return rows
}

async function measureStore(store: string, sessions: number): Promise<MemoryRow> {
  // A heap that is big enough, so that what is measured is the store and not a collector in need.
  const execArgv = ['--expose-gc', '--max-old-space-size=8192']
  const child = fork(program, [store, `${sessions}`], { execArgv })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${store} ended with ${code}.`)
  })
  const [row] = (await Promise.race([once(child, 'message'), ended])) as [MemoryRow]
  ended.catch(() => {})
  child.kill('SIGKILL')
  return row
}
