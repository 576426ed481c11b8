import type { Pace } from './subject-process.ts'
import type { Subject } from './subjects/subject.ts'

/** How thoroughly is measured. Times in milliseconds. */
export interface Plan {
  readonly quick: boolean
  readonly rounds: number
  readonly pace: Pace
  /** As `pace`, before anything is measured: no scenario is to pay for what a process compiles once. */
  readonly first: Pace
  /** For a million visitors. */
  readonly crowd: Pace
  /** Requests one at a time, in each round. */
  readonly alone: number
  readonly wire: { readonly rounds: number; readonly round: number; readonly warmUp: number }
  readonly sessionsInMemory: readonly number[]
  /** Which subjects; floors are always among them, since all else is told over them. */
  chosen(subject: Subject): boolean
  /** Says what is being done. */
  say(line: string): void
  /** Puts into another order, the same for each run. */
  shuffle<Item>(items: readonly Item[]): Item[]
}

/** A few minutes on two cores. */
export const quickPlan = {
  quick: true,
  rounds: 3,
  pace: { warmUp: 100, round: 40, makingCookies: 1500 },
  first: { warmUp: 1500, round: 40, makingCookies: 1500 },
  crowd: { warmUp: 100, round: 500, makingCookies: 5000 },
  alone: 60,
  wire: { rounds: 2, round: 500, warmUp: 800 },
  sessionsInMemory: [100_000],
} as const

/** What the tables are made of. */
export const fullPlan = {
  quick: false,
  rounds: 7,
  pace: { warmUp: 150, round: 100, makingCookies: 4000 },
  first: { warmUp: 2500, round: 100, makingCookies: 4000 },
  crowd: { warmUp: 150, round: 2000, makingCookies: 240_000 },
  alone: 150,
  wire: { rounds: 3, round: 500, warmUp: 1500 },
  sessionsInMemory: [100_000, 1_000_000],
} as const
