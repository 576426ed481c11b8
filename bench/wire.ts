import { requestFile, load, type RequestFile } from './load.ts'
import { byHost } from './in-process.ts'
import type { Plan } from './plan.ts'
import { rowOf, type WireRow } from './results.ts'
import { scenarios, type Scenario } from './scenarios.ts'
import { startSubjects, type SubjectChild } from './subject-child.ts'
import { localSubjects } from './subjects/index.ts'

/** Measures each subject over sockets, host by host; within a scenario, round by round in another order. */
export async function measureWire(plan: Plan): Promise<WireRow[]> {
  const rows: WireRow[] = []
  for (const [host, subjects] of byHost(localSubjects.filter((subject) => plan.chosen(subject)))) {
    plan.say(`on the wire, ${host}: ${subjects.map(({ name }) => name).join(', ')}`)
    const served = await startSubjects(plan.first, subjects, 'local', 'sockets')
    for (const scenario of scenarios.filter((scenario) => isOnWire(scenario, plan))) {
      rows.push(...(await loadScenario(plan, scenario, served)))
    }
    for (const child of served) child.end()
  }
  return rows
}

/** Puts the load of one scenario on each in turn. */
export async function loadScenario(
  plan: Plan,
  scenario: Scenario,
  served: readonly SubjectChild[],
): Promise<WireRow[]> {
  const rounds = plan.wire.rounds
  const entries = []
  for (const child of served) {
    const { each, visitors } = await child.prepare(scenario.name, plan.pace)
    const requests = await requestsOf(scenario, await child.cookies(scenario.name))
    // What is slow gets the time for a few hundred requests.
    const round = Math.max(plan.wire.round, 256 * each)
    const warmUp = Math.max(plan.wire.warmUp, 128 * each)
    const sent = (await load(child.port!, requests, warmUp, 0)).requests
    entries.push({ child, requests, round, row: emptyRow(), sent, visitors })
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of plan.shuffle(entries)) {
      const { child, requests, round: milliseconds, row } = entry
      const before = await child.cpu()
      const seen = await load(child.port!, requests, milliseconds, entry.sent)
      const after = await child.cpu()
      const [user, system] = [after.user - before.user, after.system - before.system]
      row.cpu.push((user + system) / seen.requests)
      row.user.push(user / seen.requests)
      row.perSecond.push(seen.requests / seen.seconds)
      row.p50.push(seen.p50)
      row.p99.push(seen.p99)
      entry.sent += seen.requests
    }
  }
  for (const { requests } of entries) await requests[Symbol.asyncDispose]()
  return entries.map(({ child, row, visitors }) => ({
    ...rowOf(child.subject),
    scenario: scenario.name,
    ...row,
    visitors,
  }))
}

function emptyRow(): Record<'cpu' | 'user' | 'perSecond' | 'p50' | 'p99', number[]> {
  return { cpu: [], user: [], perSecond: [], p50: [], p99: [] }
}

function isOnWire({ onWire }: Scenario, { quick }: Plan): boolean {
  return onWire === 'always' || (onWire === 'full' && !quick)
}

function requestsOf(scenario: Scenario, cookies: readonly string[]): Promise<RequestFile> {
  // Ten at least, so that one in ten can be another.
  const count = Math.ceil(Math.max(10, cookies.length) / 10) * 10
  const requests = Array.from({ length: count }, (_, at) => ({
    path: scenario.path(at),
    cookie: cookies[at % cookies.length]!,
  }))
  return requestFile(requests)
}
