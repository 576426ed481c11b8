// What bench/results.json holds: raw rounds, so that every table can be made anew from it.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Subject } from './subjects/subject.ts'

/** A subject as a row names it. */
export type SubjectName = Pick<Subject, 'host' | 'name' | 'role' | 'keeps' | 'signs'>

/** What every row of a subject is told by. */
export interface SubjectInScenario extends SubjectName {
  readonly scenario: string
}

/** One subject in one scenario, in process. Times in microseconds. */
export interface InProcessRow extends SubjectInScenario {
  /** Processor time per request of all threads, 64 requests under way; one value for each round. */
  readonly cpu: readonly number[]
  /** How long a request takes that is alone. */
  readonly p50: readonly number[]
  readonly p99: number
  /** How many sessions took turns. */
  readonly visitors: number
}

/** One subject when every request is of another visitor, in process. */
export type VisitorsRow = Omit<InProcessRow, 'p50' | 'p99'>

/** One subject in one scenario, over sockets. Times in microseconds. */
export interface WireRow extends SubjectInScenario {
  /** Processor time of the server per request. */
  readonly cpu: readonly number[]
  /** What of it was spent outside the kernel. */
  readonly user: readonly number[]
  readonly perSecond: readonly number[]
  /** With 64 connections that all ask again at once. */
  readonly p50: readonly number[]
  readonly p99: readonly number[]
  readonly visitors: number
}

/** What a subject asks of Redis. */
export interface RedisRow extends SubjectInScenario {
  /** Commands that the server received in one request, by name: `{ get: 1, expire: 1 }`. */
  readonly commands: Readonly<Record<string, number>>
}

/** A store of one process, holding so many sessions. */
export interface MemoryRow {
  readonly store: string
  readonly sessions: number
  readonly bytesPerSession: number
  /** Microseconds for a call. */
  readonly set: number
  readonly get: number
  /** Milliseconds of processor time to be rid of a tenth of the sessions. */
  readonly sweep: number
  /** The longest time that nothing else could run meanwhile, in milliseconds; and while visitors come. */
  readonly longestPause: number
  readonly longestPauseOfVisits: number
}

/** One subject in one scenario in workerd: microseconds of wall clock per request, one value for each round. */
export interface WorkerdRow extends SubjectInScenario {
  readonly wall: readonly number[]
}

/** When and where a part was measured. */
export interface Circumstances {
  readonly command: string
  readonly date: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly versions: Readonly<Record<string, string>>
}

/** The parts, each with its rows. */
export interface PartRows {
  readonly 'in-process': readonly InProcessRow[]
  readonly visitors: readonly VisitorsRow[]
  readonly wire: readonly WireRow[]
  readonly redis: { readonly load: readonly WireRow[]; readonly commands: readonly RedisRow[] }
  readonly memory: readonly MemoryRow[]
  readonly workerd: readonly WorkerdRow[]
}

/** The name of a part. */
export type Part = keyof PartRows

/** All parts that have been measured; they may be of different days. */
export type Results = {
  readonly [Name in Part]?: { readonly circumstances: Circumstances; readonly rows: PartRows[Name] }
}

const file = fileURLToPath(new URL('results.json', import.meta.url))

/** What was measured before; nothing when there is no file. */
export function readResults(): Results {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Results
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** Writes the file, with numbers as exact as they are worth. */
export function writeResults(results: Results): void {
  const short = (_key: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value
  // One row on one line: the file is read by people as well, and compared by line.
  const text = JSON.stringify(results, short, 1).replaceAll(/\n(?: {4,}| {3}(?=\}))/g, ' ')
  writeFileSync(file, `${text}\n`)
}

/** The names of a subject, for a row. */
export function rowOf({ host, keeps, name, role, signs }: Subject): SubjectName {
  return { host, name, role, keeps, signs }
}
