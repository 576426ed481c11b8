// A store in a process of its own, run with --expose-gc: `node memory-process.ts <store> <sessions>`.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { memoryStores, type MeasuredStore } from './memory-stores.ts'
import type { MemoryRow } from './results.ts'

const [name = '', wanted = ''] = process.argv.slice(2)
const sessions = Number(wanted)
const minute = 60_000
const day = 24 * 60 * minute
const atOnce = 100

// The clock of everybody here, to be turned on.
const clock = Date.now
let ahead = 0
Date.now = () => clock() + ahead

process.send!(await measure(await memoryStores[name]!()))

async function measure(store: MeasuredStore): Promise<MemoryRow> {
  const ids: string[] = []
  const before = bytesInUse()
  const set = await timed(sessions, async (at) => {
    // A tenth of them will be over soon.
    const id = await store.put(at % 10 === 0 ? minute : day)
    if (at % 10 === 1 && ids.length < 50_000) ids.push(id)
  })
  const bytesPerSession = (bytesInUse() - before) / sessions
  const getOne = async (at: number): Promise<void> => {
    if (!(await store.get(ids[(at * 7919) % ids.length]!))) throw new Error(`${name} lost a session.`)
  }
  const get = await timed(100_000, getOne)
  const longestPauseOfVisits = await longestPauseDuring(() => visits(store, getOne))
  ahead = 2 * minute
  let sweep = 0
  const longestPause = await longestPauseDuring(async () => {
    sweep = await sweepCost(store, getOne)
  })
  return { store: name, sessions, bytesPerSession, set, get, sweep, longestPause, longestPauseOfVisits }
}

/** Nine that come back for each that is new. */
async function visits(store: MeasuredStore, getOne: (at: number) => Promise<void>): Promise<void> {
  await timed(100_000, async (at) => {
    if (at % 10 === 0) await store.put(day)
    else await getOne(at)
  })
}

/** Processor time in milliseconds. Where calls sweep, what they take longer than they do once nothing is left. */
async function sweepCost(store: MeasuredStore, getOne: (at: number) => Promise<void>): Promise<number> {
  const from = processorTime()
  if (store.sweep !== undefined) {
    await store.sweep()
    return processorTime() - from
  }
  const live = store.size!() - sessions / 10
  let calls = 0
  while (store.size!() > live) {
    await timed(10_000, getOne)
    calls += 10_000
    if (calls > 4 * sessions) throw new Error(`${name} keeps what is over.`)
  }
  const spent = processorTime() - from
  const again = processorTime()
  await timed(calls, getOne)
  return Math.max(0, spent - (processorTime() - again))
}

/** In milliseconds. Neighbours on the machine hardly change it. */
function processorTime(): number {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/** Runs so many, with a turn of the event loop now and then, as between the packets of a server. @returns Microseconds each. */
async function timed(count: number, run: (at: number) => Promise<void>): Promise<number> {
  const from = performance.now()
  for (let at = 0; at < count; at += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, count - at) }, (_, nth) => run(at + nth)))
    await turn()
  }
  return ((performance.now() - from) * 1000) / count
}

/** In milliseconds. */
async function longestPauseDuring(work: () => Promise<void>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  // It counts from its first tick on, and a pause when it is over.
  await wait(20)
  await work()
  await wait(20)
  delay.disable()
  return delay.max / 1e6
}

function bytesInUse(): number {
  globalThis.gc!()
  globalThis.gc!()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
