// Results as tables of Markdown.
import type {
  InProcessRow,
  MemoryRow,
  PartRows,
  RedisRow,
  SubjectInScenario,
  VisitorsRow,
  WireRow,
  WorkerdRow,
} from './results.ts'
import { quantile, spreadOf, type Spread } from './statistics.ts'
import { addedOf, isMet, type Rounds, type Target } from './targets.ts'

/** A number as exact as it is worth: 3 digits. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '?'
  const size = Math.abs(value)
  return value.toLocaleString('en', { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 })
}

/** The ratios that have to hold. */
export function targetTable(targets: readonly Target[]): string {
  const rows = targets.map((target) => {
    const { against, direction, host, limit, measured, outsideKernel, row, unit } = target
    const name = against === '' ? row : `${row} / ${against}`
    return [
      host,
      name,
      withSpread(measured),
      outsideKernel === undefined ? '' : withSpread(outsideKernel),
      `${direction} ${limit} ${unit}`,
      isMet(target) ? 'yes' : '**no**',
    ]
  })
  return table(['host', 'row', 'measured', 'outside the kernel', 'target', 'met'], rows)
}

/** Added processor time of each subject of one host, a column for each scenario. */
export function inProcessTable(rows: readonly InProcessRow[]): string {
  return pivot(rows, (row) => addedCell(rows, row, ({ cpu }) => cpu))
}

/** As `inProcessTable`, when every request is of another visitor. */
export function visitorsTable(rows: readonly VisitorsRow[]): string {
  const lines = rows.map((row) => [
    named(row),
    row.visitors.toLocaleString('en'),
    addedCell(rows, row, ({ cpu }) => cpu),
  ])
  return table(['subject', 'visitors', 'added µs'], lines)
}

/** How long a request takes that is alone. */
export function aloneTable(rows: readonly InProcessRow[]): string {
  return pivot(rows, ({ p50, p99 }) => `${short(quantile(p50, 0.5))} / ${short(p99)}`)
}

/** What the sockets show, a line for each subject and scenario. */
export function wireTable(rows: readonly WireRow[]): string {
  const lines = [...new Set(rows.map(({ scenario }) => scenario))].flatMap((scenario) =>
    rows
      .filter((row) => row.scenario === scenario)
      .map((row) => {
        const floor = rows.find((other) => other.role === 'floor' && other.scenario === scenario)
        const share = floor && quantile(row.perSecond, 0.5) / quantile(floor.perSecond, 0.5)
        const latency = [row.p50, row.p99].map((values) => short(quantile(values, 0.5) / 1000)).join(' / ')
        const cpu = addedCell(rows, row, ({ cpu }) => cpu)
        const user = addedCell(rows, row, ({ user }) => user)
        const perSecond = `${short(quantile(row.perSecond, 0.5))} (${share === undefined ? '?' : short(share)})`
        return [scenario, named(row), cpu, user, perSecond, latency]
      }),
  )
  const head = [
    'scenario',
    'subject',
    'added µs',
    'outside the kernel',
    'requests/s (of bare)',
    'p50 / p99 ms',
  ]
  return table(head, lines)
}

/** Commands per request. */
export function commandTable(rows: readonly RedisRow[]): string {
  const text = ({ commands }: RedisRow): string =>
    Object.entries(commands)
      .map(([name, calls]) => (calls === 1 ? name.toUpperCase() : `${short(calls)} ${name.toUpperCase()}`))
      .join(' + ') || '0'
  const hosts = [...new Set(rows.map(({ host }) => host))]
  return hosts
    .map(
      (host) =>
        `On ${host}:\n\n${pivot(
          rows.filter((row) => row.host === host),
          text,
        )}`,
    )
    .join('\n\n')
}

/** What sessions take in the memory of one process. */
export function memoryTable(rows: readonly MemoryRow[]): string {
  const head = [
    'store',
    'sessions',
    'bytes each',
    'set µs',
    'get µs',
    'sweep ms',
    'longest pause ms: sweeping',
    'serving',
  ]
  const lines = rows.map((row) => [
    row.store,
    row.sessions.toLocaleString('en'),
    ...[row.bytesPerSession, row.set, row.get, row.sweep, row.longestPause, row.longestPauseOfVisits].map(
      short,
    ),
  ])
  return table(head, lines)
}

/** Wall clock over the floor in workerd. */
export function workerdTable(rows: readonly WorkerdRow[]): string {
  return pivot(rows, (row) => addedCell(rows, row, ({ wall }) => wall))
}

/** The load on Redis of one host after the other. */
export function redisTables({ commands, load }: PartRows['redis']): string {
  const hosts = [...new Set(load.map(({ host }) => host))]
  const loads = hosts.map((host) => `On ${host}:\n\n${wireTable(load.filter((row) => row.host === host))}`)
  return [...loads, 'Commands that one request sends, counted by the server:', commandTable(commands)].join(
    '\n\n',
  )
}

/** What was added to the bare host; of the bare host itself, what it takes. */
function addedCell<Row extends SubjectInScenario>(
  rows: readonly Row[],
  row: Row,
  rounds: Rounds<Row>,
): string {
  if (row.role === 'floor') return `_${short(quantile(rounds(row) ?? [], 0.5))}_`
  return withSpread(spreadOf(addedOf(rows, row, rounds) ?? []))
}

function pivot<Row extends SubjectInScenario>(rows: readonly Row[], cell: (row: Row) => string): string {
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))]
  const names = [...new Set(rows.map(({ name }) => name))]
  const lines = names.map((name) => {
    const own = rows.filter((row) => row.name === name)
    const cells = scenarios.map((scenario) => {
      const found = own.find((row) => row.scenario === scenario)
      return found === undefined ? '' : cell(found)
    })
    return [named(own[0]!), ...cells]
  })
  return table(['subject', ...scenarios], lines)
}

function named({ name, role }: { name: string; role: string }): string {
  if (role === 'coatcheck') return `**${name}**`
  return role === 'peer' ? name : `_${name}_`
}

function withSpread({ high, low, median }: Spread): string {
  if (low === median && high === median) return short(median)
  return `${short(median)} (${short(low)} to ${short(high)})`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = head.map((_, at) => (at === 0 ? '---' : '---:'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}
