// `pnpm bench`: builds the packages, measures, and writes results.json, the tables of README.md and the plots.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { canInstall, findProgram, howToInstall, installCommand, programs } from '../scripts/programs.ts'
import { measureInProcess } from './in-process.ts'
import { wrk } from './load.ts'
import { measureMemory } from './memory.ts'
import { fullPlan, quickPlan, type Plan } from './plan.ts'
import { measureRedis } from './redis.ts'
import { writeReport } from './report.ts'
import {
  readResults,
  writeResults,
  type Circumstances,
  type Part,
  type PartRows,
  type Results,
  type SubjectInScenario,
} from './results.ts'
import { createShuffle } from './statistics.ts'
import { localSubjects, redisSubjects } from './subjects/index.ts'
import { measureVisitors } from './visitors.ts'
import { measureWire } from './wire.ts'
import { measureWorkerd } from './workerd.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = fileURLToPath(new URL('.', import.meta.url))

const measures: { readonly [Name in Part]: (plan: Plan) => Promise<PartRows[Name]> } = {
  'in-process': measureInProcess,
  visitors: measureVisitors,
  wire: measureWire,
  redis: measureRedis,
  memory: measureMemory,
  workerd: measureWorkerd,
}
const parts = Object.keys(measures) as Part[]

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    part: { type: 'string', multiple: true },
    'no-build': { type: 'boolean', default: false },
  },
})

const wanted = flags.part ?? parts
const stranger = wanted.find((part) => !parts.includes(part as Part))
if (stranger !== undefined) throw new Error(`There is no part '${stranger}'; there are ${parts.join(', ')}.`)
installPrograms()
if (!flags['no-build']) build()

const only = flags.only === undefined ? null : new RegExp(flags.only, 'i')
const plan: Plan = {
  ...(flags.quick ? quickPlan : fullPlan),
  chosen: ({ host, name, role }) => only === null || role === 'floor' || only.test(`${host}: ${name}`),
  say: (line) => console.log(`${minutes()} ${line}`),
  shuffle: createShuffle(20_260_801),
}

let results = readResults()
const measured: Record<string, unknown> = {}
for (const part of parts.filter((part) => wanted.includes(part))) {
  const rows = await measures[part](plan)
  measured[part] = { circumstances: circumstances(), rows }
  results = { ...results, [part]: measured[part] }
  // A part of the subjects is for the one who asks; the tables are of all of them.
  if (only === null) writeResults(results)
}
if (only === null) writeReport(results)
else show(measured)
console.log(`${minutes()} done${only === null ? ': bench/README.md' : ''}`)
process.exit()

function show(results: Results): void {
  for (const row of results['in-process']?.rows ?? []) print(row, row.cpu)
  for (const row of results.visitors?.rows ?? []) print(row, row.cpu)
  const loaded = [...(results.wire?.rows ?? []), ...(results.redis?.rows.load ?? [])]
  for (const row of loaded) print(row, row.cpu, row.user)
  for (const row of results.workerd?.rows ?? []) print(row, row.wall)
  for (const row of results.redis?.rows.commands ?? []) {
    console.log(row.host, row.scenario, row.name, JSON.stringify(row.commands))
  }
  if (results.memory) console.table(results.memory.rows)
}

function print(
  { host, name, scenario }: SubjectInScenario,
  rounds: readonly number[],
  outsideKernel?: readonly number[],
): void {
  const told = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(' ')
  const user = outsideKernel === undefined ? '' : `, outside the kernel ${told(outsideKernel)}`
  console.log(`${host.padEnd(8)} ${scenario.padEnd(14)} ${name.padEnd(32)} ${told(rounds)} µs${user}`)
}

function circumstances(): Circumstances {
  const names = new Set([...localSubjects, ...redisSubjects].flatMap(({ packages }) => packages))
  const versions = [...names, 'memorystore', 'miniflare'].toSorted().map((name) => [name, versionOf(name)])
  const command = [
    'pnpm bench',
    flags.quick ? '--quick' : '',
    ...(flags.part ?? []).map((part) => `--part ${part}`),
  ]
  return {
    command: command.filter((word) => word !== '').join(' '),
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: cpus().length,
    versions: Object.fromEntries(versions),
  }
}

function versionOf(name: string): string {
  const manifest = JSON.parse(readFileSync(`${folder}node_modules/${name}/package.json`, 'utf8')) as {
    version: string
  }
  return manifest.version
}

/** What is measured is what people install: the built packages. */
function build(): void {
  const compiler = `${root}node_modules/.bin/tsc`
  const { status } = spawnSync(compiler, ['-b', 'packages/core', 'packages/adapters'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0)
    throw new Error('The packages could not be built; --no-build measures what was built before.')
}

function installPrograms(): void {
  const missing = [wrk, programs.redis].filter((program) => findProgram(program.binaries) === null)
  if (missing.length === 0) return
  if (!canInstall()) throw new Error(missing.map(howToInstall).join(' '))
  execFileSync('sh', ['-c', installCommand(missing)], { stdio: 'inherit' })
}

function minutes(): string {
  const seconds = Math.round(performance.now() / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
