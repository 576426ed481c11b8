import { byHost } from './in-process.ts'
import type { Plan } from './plan.ts'
import { rowOf, type VisitorsRow } from './results.ts'
import { crowd } from './scenarios.ts'
import { startSubjects } from './subject-child.ts'
import { localSubjects } from './subjects/index.ts'
import type { Host, Subject } from './subjects/subject.ts'

const hosts: readonly Host[] = ['express', 'fetch']

/** Measures reads when each is of another visitor, of so many that no cache knows them; for what keeps them in memory. */
export async function measureVisitors(plan: Plan): Promise<VisitorsRow[]> {
  const rows: VisitorsRow[] = []
  const isMeasured = (subject: Subject): boolean =>
    plan.chosen(subject) && hosts.includes(subject.host) && subject.keeps !== 'cookie'
  for (const [host, subjects] of byHost(localSubjects.filter(isMeasured))) {
    plan.say(`a million visitors, ${host}: ${subjects.map(({ name }) => name).join(', ')}`)
    const entries = []
    for (const child of await startSubjects(plan.first, subjects, 'local', 'calls')) {
      const { count, visitors } = await child.prepare(crowd.name, plan.crowd)
      entries.push({ child, count, visitors, cpu: [] as number[] })
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const { child, count, cpu } of plan.shuffle(entries)) cpu.push(await child.run(crowd.name, count))
    }
    for (const { child, cpu, visitors } of entries) {
      rows.push({ ...rowOf(child.subject), scenario: crowd.name, cpu, visitors })
      child.end()
    }
  }
  return rows
}
