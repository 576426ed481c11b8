// A process of its own for each subject: its heap, its compiled code and its threads are nobody else's, and what
// `process.cpuUsage` counts is its work. The parent says by messages what to do.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { checkSubject } from './checks.ts'
import { cookiesFrom } from './cookies.ts'
import { openLane } from './exchange.ts'
import type { Lane } from './fetch-lane.ts'
import { httpLane } from './http-lane.ts'
import { scenarioOf, visitorsOf, type CookieSource, type Scenario } from './scenarios.ts'
import { localSubjects, redisSubjects } from './subjects/index.ts'
import type { App } from './subjects/subject.ts'

/** What the parent may ask, and what it gets. All times are in microseconds. */
export interface Commands {
  check(): Promise<void>
  /** Makes the cookies, for as long as is allowed, and runs until the code is compiled. */
  prepare(scenario: string, pace: Pace): Promise<Preparation>
  /** Before each run of so many: makes the sessions that it will use up. */
  ready(scenario: string, count: number): Promise<void>
  /** Runs so many requests, 64 at a time. @returns The processor time per request, of all threads. */
  run(scenario: string, count: number): Promise<number>
  /** Runs so many requests, one at a time, or as many as the time allows. @returns How long each took. */
  oneByOne(scenario: string, count: number, milliseconds?: number): Promise<number[]>
  cookies(scenario: string): Promise<string[]>
  /** Serves on a port from now on, and everything else goes through it. @returns The port. */
  listen(): Promise<number>
  /** @returns The processor time of the process so far. */
  cpu(): Promise<NodeJS.CpuUsage>
}

/** How long things may take, in milliseconds. */
export interface Pace {
  readonly warmUp: number
  readonly round: number
  readonly makingCookies: number
}

/** What a scenario will be. */
export interface Preparation {
  /** How many requests fit into a round. */
  readonly count: number
  /** How long one takes while 64 are under way, in milliseconds. */
  readonly each: number
  /** How many cookies there are. */
  readonly visitors: number
}

const inFlight = 64

interface Prepared {
  readonly scenario: Scenario
  cookies: string[]
  /** Which cookie is next; never set back, so that a cold session stays cold. */
  next: number
}

const [list, host, name] = process.argv.slice(2)
const subjects = list === 'redis' ? redisSubjects : localSubjects
const subject = subjects.find((each) => each.host === host && each.name === name)
if (subject === undefined) throw new Error(`There is no subject '${name}' on ${host}.`)
// @hono/session prints each bad cookie; in a terminal that would cost more than all the rest.
console.error = () => {}
const app = await subject.open()
let lanes: readonly Lane[] = Array.from({ length: inFlight }, () => openLane(app))
const prepared = new Map<string, Prepared>()
/** By source, since several scenarios use the same. */
const pools = new Map<CookieSource, string[]>()

async function poolOf(source: CookieSource, milliseconds: number): Promise<string[]> {
  const known = pools.get(source)
  if (known !== undefined) return known
  const count = source === 'once' ? inFlight : visitorsOf(source, subject!.keeps)
  // Only these are so many that time has to end it.
  const limit = source === 'cold' || source === 'crowd' ? milliseconds : Infinity
  const made = await cookiesFrom(source, lanes, { count, milliseconds: limit })
  pools.set(source, made)
  return made
}

async function preparedFor(name: string, makingCookies: number): Promise<Prepared> {
  const scenario = scenarioOf(name)
  const source = subject!.keeps === 'nothing' ? 'none' : scenario.cookies
  const made = { scenario, cookies: await poolOf(source, makingCookies), next: 0 }
  prepared.set(name, made)
  return made
}

function preparedBefore(name: string): Prepared {
  const known = prepared.get(name)
  if (known === undefined) throw new Error(`'${name}' is to be prepared first.`)
  return known
}

async function batch(work: Prepared, count: number, width = inFlight): Promise<void> {
  const { cookies, scenario } = work
  let left = count
  const onLane = async (at: number): Promise<void> => {
    const lane = lanes[at]!
    while (left-- > 0) {
      const nth = work.next++
      const text = await lane.send(scenario.path(nth), cookies[nth % cookies.length]!)
      // A session that was lost would make everything cheap.
      if (!scenario.answer.test(text)) throw new Error(`${name}, ${scenario.name}: answered '${text}'.`)
    }
  }
  await Promise.all(Array.from({ length: width }, (_, at) => onLane(at)))
}

/** A session that is kept in its cookie is not used up. */
async function refill(work: Prepared, count: number): Promise<void> {
  const { keeps } = subject!
  if (work.scenario.cookies !== 'once' || keeps === 'nothing' || keeps === 'cookie') return
  work.cookies = await cookiesFrom('once', lanes, { count, milliseconds: Infinity })
  work.next = 0
}

const commands: Commands = {
  check: () => checkSubject(subject, lanes[0]!),
  async prepare(name, { makingCookies, round, warmUp }) {
    const work = await preparedFor(name, makingCookies)
    const began = performance.now()
    let count = 0
    while (performance.now() - began < warmUp || count === 0) {
      await refill(work, inFlight)
      await batch(work, inFlight)
      count += inFlight
    }
    // The code is warm at the end only, and the last stretch says how fast it is.
    const size = Math.max(inFlight, Math.min(count / 2, 1024))
    await refill(work, size)
    const from = performance.now()
    await batch(work, size)
    const each = (performance.now() - from) / size
    return { count: Math.max(inFlight, Math.ceil(round / each)), each, visitors: work.cookies.length }
  },
  ready: (name, count) => refill(preparedBefore(name), count),
  async run(name, count) {
    const work = preparedBefore(name)
    const before = process.cpuUsage()
    await batch(work, count)
    const { system, user } = process.cpuUsage(before)
    return (system + user) / count
  },
  async oneByOne(name, count, milliseconds = Infinity) {
    const work = preparedBefore(name)
    const times: number[] = []
    const end = performance.now() + milliseconds
    while (times.length < count && performance.now() < end) {
      const from = performance.now()
      await batch(work, 1, 1)
      times.push((performance.now() - from) * 1000)
    }
    return times
  },
  cookies: async (name) => preparedBefore(name).cookies,
  async listen() {
    const server: Server = createServer(listenerOf(app))
    server.keepAliveTimeout = 60_000
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
    const { port } = server.address() as AddressInfo
    lanes = lanes.map(() => httpLane(port))
    return port
  },
  cpu: async () => process.cpuUsage(),
}

function listenerOf({ fetch, listener }: App): NonNullable<App['listener']> {
  if (listener !== undefined) return listener
  const overNode = getRequestListener(fetch!)
  return (req, res) => void overNode(req, res)
}

process.on('message', (message: { command: keyof Commands; args: never[] }) => {
  const command = commands[message.command] as (...args: unknown[]) => Promise<unknown>
  command(...message.args).then(
    (result) => process.send!({ result }),
    (error: unknown) => process.send!({ error: error instanceof Error ? error.message : String(error) }),
  )
})
// A parent that is gone has no use for the numbers.
process.on('disconnect', () => process.exit())
process.send!({ result: 'ready' })
