import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createSessionManager } from '@coatcheck/core'
import { hammerOptions, storeOf, type HammerData, type HammerOrder } from './hammer-store.ts'

/** What {@link hammer} is to do. */
export interface HammerPlan {
  /** URL of a module with `makeStore(argument)`, which gives a store or a promise of one. */
  readonly storeModule: URL
  /** Handed to `makeStore` in each process; must survive JSON. */
  readonly argument: unknown
  /** How many processes (default 2). */
  readonly processes?: number
  /** How many requests each process makes, one after the other (default 100). */
  readonly rounds?: number
}

/** What came of it. */
export interface HammerResult {
  /** The counter that every request added one to: `processes × rounds`, or an update was lost. */
  readonly sum: number
  /** The keys that only one request wrote each: `processes × rounds`, or a key was lost. */
  readonly keys: number
  /** How often a request had to be replayed because another was first. */
  readonly conflicts: number
  /** From the first request to the last. */
  readonly milliseconds: number
}

/**
 * Lets several processes change one session at the same time, through session managers of their own over stores
 * of their own: each request adds one to a key that they share and writes a key that is its own.
 */
export async function hammer(plan: HammerPlan): Promise<HammerResult> {
  const { argument, processes = 2, rounds = 100, storeModule } = plan
  const held = await storeOf(storeModule.href, argument)
  try {
    const sessions = createSessionManager<HammerData>(hammerOptions(held.store))
    const response = await sessions.handle(new Request('https://shop.test/'), (session) => {
      session.set('sum', 0)
      return new Response()
    })
    const cookie = response.headers.getSetCookie()[0]!.split(';')[0]!
    const order: Omit<HammerOrder, 'name'> = { storeModule: storeModule.href, argument, cookie, rounds }
    const started: ChildProcess[] = []
    try {
      const names = Array.from({ length: processes }, (_, at) => `p${at}`)
      const workers = names.map((name) => startWorker({ ...order, name }, started))
      const ready = await Promise.all(workers)
      const before = performance.now()
      const conflicts = await Promise.all(ready.map((run) => run()))
      const milliseconds = Math.round(performance.now() - before)
      const session = await sessions.load(new Request('https://shop.test/', { headers: { cookie } }))
      const result = {
        sum: session.get('sum') ?? NaN,
        keys: session.keys().filter((key) => key !== 'sum').length,
        conflicts: conflicts.reduce((all, count) => all + count, 0),
        milliseconds,
      }
      console.log(
        `hammer: ${processes} processes × ${rounds} requests on one session: ${JSON.stringify(result)}`,
      )
      return result
    } finally {
      for (const child of started) child.kill('SIGKILL')
    }
  } finally {
    await held.close()
  }
}

/** Starts a process and waits until its store is there. @returns What lets it run; gives its conflicts. */
async function startWorker(order: HammerOrder, started: ChildProcess[]): Promise<() => Promise<number>> {
  const child = fork(fileURLToPath(new URL('hammer-worker.ts', import.meta.url)), [JSON.stringify(order)], {
    execPath: process.execPath,
    execArgv: ['--conditions=coatcheck-source', '--disable-warning=ExperimentalWarning'],
  })
  started.push(child)
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`The process ${order.name} ended with code ${String(code)}; see its output above.`)
  })
  died.catch(() => {})
  await Promise.race([once(child, 'message'), died])
  return async () => {
    const done = once(child, 'message')
    child.send('run')
    const [conflicts] = (await Promise.race([done, died])) as [number]
    return conflicts
  }
}
