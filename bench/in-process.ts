import type { Plan } from './plan.ts'
import { rowOf, type InProcessRow } from './results.ts'
import { scenarios, type Scenario } from './scenarios.ts'
import { quantile } from './statistics.ts'
import { startSubjects, type SubjectChild } from './subject-child.ts'
import { localSubjects } from './subjects/index.ts'
import type { Host, Subject } from './subjects/subject.ts'

/** Measures each subject without a network, host by host; within a scenario, round by round in another order. */
export async function measureInProcess(plan: Plan): Promise<InProcessRow[]> {
  const rows: InProcessRow[] = []
  for (const [host, subjects] of byHost(localSubjects.filter((subject) => plan.chosen(subject)))) {
    plan.say(`in process, ${host}: ${subjects.map(({ name }) => name).join(', ')}`)
    const children = await startSubjects(plan.first, subjects, 'local', 'calls')
    for (const scenario of scenarios) {
      rows.push(...(await measureScenario(plan, scenario, children)))
    }
    for (const child of children) child.end()
  }
  return rows
}

/** The subjects of each host; a host of which nothing but its floor is left falls away. */
export function byHost(subjects: readonly Subject[]): [Host, Subject[]][] {
  const hosts = Map.groupBy(subjects, ({ host }) => host)
  return [...hosts].filter(([, own]) => own.some(({ role }) => role !== 'floor'))
}

async function measureScenario(
  plan: Plan,
  { name }: Scenario,
  children: readonly SubjectChild[],
): Promise<InProcessRow[]> {
  const entries = []
  for (const child of children) {
    const { count, visitors } = await child.prepare(name, plan.pace)
    entries.push({ child, count, visitors, cpu: [] as number[], alone: [] as number[][] })
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (const { alone, child, count, cpu } of plan.shuffle(entries)) {
      await child.ready(name, count)
      cpu.push(await child.run(name, count))
      await child.ready(name, plan.alone)
      alone.push(await child.oneByOne(name, plan.alone, plan.pace.round))
    }
  }
  return entries.map(({ alone, child, cpu, visitors }) => ({
    ...rowOf(child.subject),
    scenario: name,
    cpu,
    p50: alone.map((times) => quantile(times, 0.5)),
    p99: quantile(alone.flat(), 0.99),
    visitors,
  }))
}
