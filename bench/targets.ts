// What has to hold, as ratios within one run.
import type { MemoryRow, RedisRow, Results, VisitorsRow, WireRow } from './results.ts'
import { differences, quantile, ratioOf, spreadOf, type Spread } from './statistics.ts'
import { hostNames, type Host } from './subjects/subject.ts'

/** One line of the table. */
export interface Target {
  readonly host: string
  readonly row: string
  readonly against: string
  readonly measured: Spread
  readonly limit: number
  /** `at most` the limit, or `at least`. */
  readonly direction: 'at most' | 'at least'
  readonly unit: '×' | 'µs' | 'ms' | 'commands'
}

type Row = VisitorsRow | WireRow

/** What a subject takes beyond the bare host in the same round; null where it was not measured. */
export function addedOf(rows: readonly Row[], row: Row): number[] | null {
  const floor = rows.find(
    ({ host, role, scenario }) => role === 'floor' && host === row.host && scenario === row.scenario,
  )
  return floor === undefined ? null : differences(row.cpu, floor.cpu)
}

/** Whether the median keeps to the limit. */
export function isMet({ direction, limit, measured }: Target): boolean {
  return direction === 'at most' ? measured.median <= limit : measured.median >= limit
}

/** All that can be told from what was measured. */
export function targetsOf(results: Results): Target[] {
  const inProcess = results['in-process']?.rows ?? []
  const wire = results.wire?.rows ?? []
  const redis = results.redis?.rows
  return [
    ...honoTargets(inProcess),
    ...expressTargets(inProcess),
    ...wireTargets(wire),
    ...(redis === undefined ? [] : redisTargets(redis.load, redis.commands)),
    ...cookieTargets(inProcess),
    ...fetchTargets(inProcess),
    ...idleTargets(inProcess),
    ...memoryTargets(results.memory?.rows ?? []),
  ]
}

function honoTargets(rows: readonly Row[]): Target[] {
  const ours = { host: 'hono', name: 'coatcheck' } as const
  const signed = ['new visitor', 'read', 'write', 'forged'].flatMap((scenario) =>
    against(
      rows,
      ours,
      scenario,
      fastestPeer(rows, 'hono', scenario, ({ signs }) => signs),
      0.3,
      'Hono',
    ),
  )
  const limits = { 'new visitor': 1.25, read: 0.5, write: 0.5 }
  const unsigned = Object.entries(limits).flatMap(([scenario, limit]) =>
    against(rows, ours, scenario, 'hono-sessions (unsigned)', limit, 'Hono'),
  )
  return [...signed, ...unsigned]
}

function expressTargets(rows: readonly Row[]): Target[] {
  const limits = { coatcheck: 0.4, 'coatcheck drop-in': 0.7 }
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))]
  return Object.entries(limits).flatMap(([name, limit]) =>
    scenarios.flatMap((scenario) =>
      against(rows, { host: 'express', name }, scenario, 'express-session', limit, 'Express'),
    ),
  )
}

function wireTargets(rows: readonly Row[]): Target[] {
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))].filter((name) => name !== 'no cookie')
  return scenarios.flatMap((scenario) => [
    ...against(
      rows,
      { host: 'express', name: 'coatcheck' },
      scenario,
      'express-session',
      0.5,
      'wire: Express',
    ),
    ...against(
      rows,
      { host: 'hono', name: 'coatcheck' },
      scenario,
      fastestPeer(rows, 'hono', scenario, () => true),
      0.4,
      'wire: Hono',
    ),
  ])
}

function redisTargets(load: readonly WireRow[], commands: readonly RedisRow[]): Target[] {
  const host = 'wire: Express + Redis'
  const peer = 'express-session + connect-redis'
  const throughput = ['read', 'write'].flatMap((scenario): Target[] => {
    const [ours, theirs] = ['coatcheck', peer].map((name) => find(load, 'express', name, scenario) as WireRow)
    if (ours === undefined || theirs === undefined) return []
    const measured = ratioOf(ours.perSecond, theirs.perSecond)
    const row = `coatcheck, ${scenario}: requests per second`
    return [{ host, row, against: peer, measured, limit: 1.5, direction: 'at least', unit: '×' }]
  })
  const limits = { read: 1.05, write: 2 }
  const asked = Object.entries(limits).flatMap(([scenario, limit]): Target[] => {
    const ours = commands.find(
      (row) => row.host === 'express' && row.name === 'coatcheck' && row.scenario === scenario,
    )
    if (ours === undefined) return []
    const count = Object.values(ours.commands).reduce((sum, calls) => sum + calls, 0)
    const row = `coatcheck, ${scenario}: commands per request`
    return [
      { host, row, against: '', measured: exactly(count), limit, direction: 'at most', unit: 'commands' },
    ]
  })
  return [...throughput, ...asked]
}

function cookieTargets(rows: readonly Row[]): Target[] {
  const limits = { '@hono/session (cookie)': 0.6, 'iron-session': 0.3 }
  return Object.entries(limits).flatMap(([peer, limit]) =>
    ['new visitor', 'read', 'read, cold', 'write', 'forged'].flatMap((scenario) =>
      against(rows, { host: 'hono', name: 'coatcheck (cookie)' }, scenario, peer, limit, 'Hono'),
    ),
  )
}

function fetchTargets(rows: readonly Row[]): Target[] {
  const ours = { host: 'fetch', name: 'coatcheck handle' } as const
  return [
    ...against(rows, ours, 'read', 'limit: verified cache', 1.5, 'fetch'),
    ...against(rows, ours, 'read, cold', 'limit: HMAC', 1.5, 'fetch'),
  ]
}

function idleTargets(rows: readonly Row[]): Target[] {
  return rows.flatMap((row): Target[] => {
    if (row.role !== 'coatcheck' || row.scenario !== 'no cookie') return []
    const added = addedOf(rows, row)
    if (added === null) return []
    const measured = spreadOf(added)
    const text = `${row.name}, no cookie, nothing touched: adds`
    return [
      {
        host: hostNames[row.host],
        row: text,
        against: 'bare host',
        measured,
        limit: 2,
        direction: 'at most',
        unit: 'µs',
      },
    ]
  })
}

function memoryTargets(rows: readonly MemoryRow[]): Target[] {
  const sessions = Math.max(...rows.map((row) => row.sessions))
  const [ours, theirs] = ['coatcheck memoryStore', 'memorystore'].map((store) =>
    rows.find((row) => row.store === store && row.sessions === sessions),
  )
  if (ours === undefined || theirs === undefined) return []
  const host = `memory, ${sessions.toLocaleString('en')} sessions`
  const common = { host, against: theirs.store, direction: 'at most' } as const
  const ratio = (one: number, other: number): Spread => exactly(one / other)
  return [
    {
      ...common,
      row: 'bytes per session',
      measured: ratio(ours.bytesPerSession, theirs.bytesPerSession),
      limit: 0.75,
      unit: '×',
    },
    {
      ...common,
      row: 'time of an expiry sweep',
      measured: ratio(ours.sweep, theirs.sweep),
      limit: 0.75,
      unit: '×',
    },
    {
      ...common,
      row: 'longest pause, sweeping',
      against: '',
      measured: exactly(ours.longestPause),
      limit: 10,
      unit: 'ms',
    },
    {
      ...common,
      row: 'longest pause, serving',
      against: '',
      measured: exactly(ours.longestPauseOfVisits),
      limit: 10,
      unit: 'ms',
    },
  ]
}

/** A ratio of added processor time; nothing where one of the two was not measured. */
function against(
  rows: readonly Row[],
  ours: { readonly host: Host; readonly name: string },
  scenario: string,
  peer: string | null,
  limit: number,
  host: string,
): Target[] {
  const one = find(rows, ours.host, ours.name, scenario)
  const other = peer === null ? undefined : find(rows, ours.host, peer, scenario)
  const added = one && addedOf(rows, one)
  const addedOfPeer = other && addedOf(rows, other)
  if (peer === null || !added || !addedOfPeer) return []
  const measured = ratioOf(added, addedOfPeer)
  const row = `${ours.name}, ${scenario}`
  return [{ host, row, against: peer, measured, limit, direction: 'at most', unit: '×' }]
}

function fastestPeer(
  rows: readonly Row[],
  host: Host,
  scenario: string,
  counts: (row: Row) => boolean,
): string | null {
  const peers = rows
    .filter((row) => row.role === 'peer' && row.host === host && row.scenario === scenario && counts(row))
    .map(({ cpu, name }) => ({ name, cpu: quantile(cpu, 0.5) }))
  return peers.toSorted((one, other) => one.cpu - other.cpu)[0]?.name ?? null
}

function find(rows: readonly Row[], host: Host, name: string, scenario: string): Row | undefined {
  return rows.find((row) => row.host === host && row.name === name && row.scenario === scenario)
}

function exactly(value: number): Spread {
  return { median: value, low: value, high: value }
}
