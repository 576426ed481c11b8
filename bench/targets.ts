// What has to hold, as ratios within one run.
import type { MemoryRow, PartRows, Results, SubjectInScenario, VisitorsRow, WireRow } from './results.ts'
import { differences, quantile, ratioOf, spreadOf, type Spread } from './statistics.ts'
import { hostNames, type Host } from './subjects/subject.ts'

/** One line of the table. */
export interface Target {
  readonly host: string
  readonly row: string
  readonly against: string
  readonly measured: Spread
  /** The same without what the kernel did; only on the wire it is known. */
  readonly outsideKernel?: Spread
  readonly limit: number
  /** `at most` the limit, or `at least`. */
  readonly direction: 'at most' | 'at least'
  readonly unit: '×' | 'µs' | 'ms' | 'commands'
}

/** Which figure of a row counts, with a value for each round. */
export type Rounds<Row> = (row: Row) => readonly number[] | undefined

type Row = VisitorsRow & Partial<Pick<WireRow, 'user'>>

/** What a subject takes beyond the bare host in the same round; null where it was not measured. */
export function addedOf<Some extends SubjectInScenario>(
  rows: readonly Some[],
  row: Some,
  rounds: Rounds<Some>,
): number[] | null {
  const floor = rows.find(
    ({ host, role, scenario }) => role === 'floor' && host === row.host && scenario === row.scenario,
  )
  const [own, bare] = [rounds(row), floor && rounds(floor)]
  return own && bare ? differences(own, bare) : null
}

/** Whether the median keeps to the limit. */
export function isMet({ direction, limit, measured }: Target): boolean {
  return direction === 'at most' ? measured.median <= limit : measured.median >= limit
}

/** All that can be told from what was measured. */
export function targetsOf(results: Results): Target[] {
  const inProcess = results['in-process']?.rows ?? []
  const wire = results.wire?.rows ?? []
  return [
    ...honoTargets(inProcess),
    ...expressTargets(inProcess),
    ...wireTargets(wire),
    ...redisTargets(results.redis?.rows ?? { commands: [], load: [] }),
    ...cookieTargets(inProcess),
    ...fetchTargets(inProcess),
    ...idleTargets(inProcess),
    ...memoryTargets(results.memory?.rows ?? []),
  ]
}

function honoTargets(rows: readonly Row[]): Target[] {
  const ratio = ratios(rows, 'Hono', 'hono', 'coatcheck')
  const signed = ['new visitor', 'read', 'write', 'forged'].flatMap((scenario) =>
    ratio(
      scenario,
      fastestPeer(rows, 'hono', scenario, ({ signs }) => signs),
      0.3,
    ),
  )
  const limits = { 'new visitor': 1.25, read: 0.5, write: 0.5 }
  const unsigned = Object.entries(limits).flatMap(([scenario, limit]) =>
    ratio(scenario, 'hono-sessions (unsigned)', limit),
  )
  return [...signed, ...unsigned]
}

function expressTargets(rows: readonly Row[]): Target[] {
  const limits = { coatcheck: 0.4, 'coatcheck drop-in': 0.7 }
  return Object.entries(limits).flatMap(([name, limit]) => {
    const ratio = ratios(rows, 'Express', 'express', name)
    return scenariosOf(rows).flatMap((scenario) => ratio(scenario, 'express-session', limit))
  })
}

function wireTargets(rows: readonly Row[]): Target[] {
  const onExpress = ratios(rows, 'wire: Express', 'express', 'coatcheck')
  const onHono = ratios(rows, 'wire: Hono', 'hono', 'coatcheck')
  // Without a cookie there is next to nothing on both sides, which has no ratio.
  const scenarios = scenariosOf(rows).filter((name) => name !== 'no cookie')
  return [
    ...scenarios.flatMap((scenario) => onExpress(scenario, 'express-session', 0.5)),
    ...scenarios.flatMap((scenario) => onHono(scenario, fastestPeer(rows, 'hono', scenario), 0.4)),
  ]
}

function redisTargets({ commands, load }: PartRows['redis']): Target[] {
  const host = 'wire: Express + Redis'
  const peer = 'express-session + connect-redis'
  const throughput = ['read', 'write'].flatMap((scenario): Target[] => {
    const ours = find(load, 'express', 'coatcheck', scenario)
    const theirs = find(load, 'express', peer, scenario)
    if (ours === undefined || theirs === undefined) return []
    const measured = ratioOf(ours.perSecond, theirs.perSecond)
    const row = `coatcheck, ${scenario}: requests per second`
    return [{ host, row, against: peer, measured, limit: 1.5, direction: 'at least', unit: '×' }]
  })
  const limits = { read: 1.05, write: 2 }
  const asked = Object.entries(limits).flatMap(([scenario, limit]): Target[] => {
    const ours = find(commands, 'express', 'coatcheck', scenario)
    if (ours === undefined) return []
    const measured = exactly(Object.values(ours.commands).reduce((sum, calls) => sum + calls, 0))
    const row = `coatcheck, ${scenario}: commands per request`
    return [{ host, row, against: '', measured, limit, direction: 'at most', unit: 'commands' }]
  })
  return [...throughput, ...asked]
}

function cookieTargets(rows: readonly Row[]): Target[] {
  const ratio = ratios(rows, 'Hono', 'hono', 'coatcheck (cookie)')
  const limits = { '@hono/session (cookie)': 0.6, 'iron-session': 0.3 }
  return Object.entries(limits).flatMap(([peer, limit]) =>
    ['new visitor', 'read', 'read, cold', 'write', 'forged'].flatMap((scenario) =>
      ratio(scenario, peer, limit),
    ),
  )
}

function fetchTargets(rows: readonly Row[]): Target[] {
  const ratio = ratios(rows, 'fetch', 'fetch', 'coatcheck handle')
  return [...ratio('read', 'limit: verified cache', 1.5), ...ratio('read, cold', 'limit: HMAC', 1.5)]
}

function idleTargets(rows: readonly Row[]): Target[] {
  return rows.flatMap((row): Target[] => {
    if (row.role !== 'coatcheck' || row.scenario !== 'no cookie') return []
    const added = addedOf(rows, row, total)
    if (added === null) return []
    const [host, text] = [hostNames[row.host], `${row.name}, no cookie, nothing touched: adds`]
    const measured = spreadOf(added)
    return [{ host, row: text, against: 'bare host', measured, limit: 2, direction: 'at most', unit: 'µs' }]
  })
}

function memoryTargets(rows: readonly MemoryRow[]): Target[] {
  const sessions = Math.max(...rows.map((row) => row.sessions))
  const [ours, theirs] = ['coatcheck memoryStore', 'memorystore'].map((store) =>
    rows.find((row) => row.store === store && row.sessions === sessions),
  )
  if (ours === undefined || theirs === undefined) return []
  const common = { host: `memory, ${sessions.toLocaleString('en')} sessions`, direction: 'at most' } as const
  const share = (row: string, one: number, other: number): Target => {
    return { ...common, row, against: theirs.store, measured: exactly(one / other), limit: 0.75, unit: '×' }
  }
  const pause = (row: string, milliseconds: number): Target => {
    return { ...common, row, against: '', measured: exactly(milliseconds), limit: 10, unit: 'ms' }
  }
  return [
    share('bytes per session', ours.bytesPerSession, theirs.bytesPerSession),
    share('time of an expiry sweep', ours.sweep, theirs.sweep),
    pause('longest pause, sweeping', ours.longestPause),
    pause('longest pause, serving', ours.longestPauseOfVisits),
  ]
}

/**
 * Compares one of ours: each call gives the ratio of what it and a peer add to a request, or nothing where one of the two
 * was not measured.
 */
function ratios(
  rows: readonly Row[],
  title: string,
  host: Host,
  name: string,
): (scenario: string, peer: string | undefined, limit: number) => Target[] {
  return (scenario, peer, limit) => {
    const one = find(rows, host, name, scenario)
    const other = peer === undefined ? undefined : find(rows, host, peer, scenario)
    if (one === undefined || other === undefined) return []
    const ratioBy = (rounds: Rounds<Row>): Spread | null => {
      const [added, addedByPeer] = [addedOf(rows, one, rounds), addedOf(rows, other, rounds)]
      return added && addedByPeer && ratioOf(added, addedByPeer)
    }
    const [measured, outsideKernel] = [ratioBy(total), ratioBy(({ user }) => user)]
    if (measured === null) return []
    const told = { host: title, row: `${name}, ${scenario}`, against: other.name, measured }
    return [{ ...told, ...(outsideKernel && { outsideKernel }), limit, direction: 'at most', unit: '×' }]
  }
}

function fastestPeer(
  rows: readonly Row[],
  host: Host,
  scenario: string,
  counts: (row: Row) => boolean = () => true,
): string | undefined {
  const peers = rows.filter(
    (row) => row.role === 'peer' && row.host === host && row.scenario === scenario && counts(row),
  )
  const cost = ({ cpu }: Row): number => quantile(cpu, 0.5)
  return peers.toSorted((one, other) => cost(one) - cost(other))[0]?.name
}

function find<Some extends SubjectInScenario>(
  rows: readonly Some[],
  host: Host,
  name: string,
  scenario: string,
): Some | undefined {
  return rows.find((row) => row.host === host && row.name === name && row.scenario === scenario)
}

function scenariosOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(({ scenario }) => scenario))]
}

function total({ cpu }: Row): readonly number[] {
  return cpu
}

function exactly(value: number): Spread {
  return { median: value, low: value, high: value }
}
