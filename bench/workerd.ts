import { fileURLToPath } from 'node:url'
import { Miniflare } from 'miniflare'
import { rolldown } from 'rolldown'
import { byHost } from './in-process.ts'
import type { Plan } from './plan.ts'
import { rowOf, type WorkerdRow } from './results.ts'
import type { Subject } from './subjects/subject.ts'
import { workerSubjects } from './subjects/workerd.ts'
import type { WorkerTask } from './worker.ts'

const measured = ['no cookie', 'new visitor', 'read', 'write', 'forged'] as const

/**
 * Measures each subject in workerd, by the clock on the wall: the loop runs inside, so that only one request in thousands
 * crosses a process border.
 */
export async function measureWorkerd(plan: Plan): Promise<WorkerdRow[]> {
  const subjects = workerSubjects.filter((subject) => plan.chosen(subject))
  const groups = byHost(subjects)
  const chosen = groups.flatMap(([, own]) => own)
  if (chosen.length === 0) return []
  const runtime = await startWorkers(chosen)
  const rows: WorkerdRow[] = []
  try {
    for (const [host, own] of groups) {
      plan.say(`workerd, ${host}: ${own.map(({ name }) => name).join(', ')}`)
      for (const scenario of measured) rows.push(...(await measureScenario(plan, runtime, scenario, own)))
    }
  } finally {
    await runtime.dispose()
  }
  return rows
}

async function measureScenario(
  plan: Plan,
  runtime: Miniflare,
  scenario: string,
  subjects: readonly Subject[],
): Promise<WorkerdRow[]> {
  const entries = []
  for (const subject of subjects) {
    await run(runtime, subject, scenario, 0)
    const warmUp = Math.max(2, (await perRequest(runtime, subject, scenario, 20)) / 1000)
    const warm = Math.ceil(plan.pace.warmUp / warmUp)
    const each = await perRequest(runtime, subject, scenario, warm)
    entries.push({
      subject,
      count: Math.max(20, Math.ceil((plan.pace.round * 1000) / each)),
      wall: [] as number[],
    })
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (const { count, subject, wall } of plan.shuffle(entries)) {
      wall.push(await perRequest(runtime, subject, scenario, count))
    }
  }
  return entries.map(({ subject, wall }) => ({ ...rowOf(subject), scenario, wall }))
}

/** Microseconds. */
async function perRequest(
  runtime: Miniflare,
  subject: Subject,
  scenario: string,
  count: number,
): Promise<number> {
  const from = performance.now()
  await run(runtime, subject, scenario, count)
  return ((performance.now() - from) * 1000) / count
}

async function run(runtime: Miniflare, subject: Subject, scenario: string, count: number): Promise<void> {
  const task: WorkerTask = { subject: subject.name, host: subject.host, scenario, count }
  const response = await runtime.dispatchFetch('http://localhost/', {
    method: 'POST',
    headers: { 'x-worker': nameOf(subject) },
    body: JSON.stringify(task),
  })
  if (!response.ok) throw new Error(`${subject.name} in workerd: ${await response.text()}`)
  await response.text()
}

async function startWorkers(subjects: readonly Subject[]): Promise<Miniflare> {
  const script = await bundle()
  const options = {
    modules: true,
    compatibilityDate: '2026-04-01',
    compatibilityFlags: ['nodejs_compat'],
  } as const
  const names = subjects.map(nameOf)
  const router = `export default {
    fetch: (request, env) => env[request.headers.get('x-worker')].fetch(request),
  }`
  const runtime = new Miniflare({
    workers: [
      {
        ...options,
        name: 'router',
        script: router,
        serviceBindings: Object.fromEntries(names.map((name) => [name, name])),
      },
      ...names.map((name) => ({ ...options, name, script })),
    ],
  })
  await runtime.ready
  return runtime
}

/** As a name of a worker may be. */
function nameOf({ host, name }: Subject): string {
  return `${host}-${name}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
}

async function bundle(): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(new URL('worker.ts', import.meta.url)),
    external: /^node:/,
    platform: 'neutral',
    tsconfig: false,
    resolve: {
      conditionNames: ['workerd', 'worker', 'import', 'default'],
      mainFields: ['module', 'main'],
    },
  })
  const { output } = await build.generate({ format: 'esm', codeSplitting: false })
  await build.close()
  return output[0].code
}
