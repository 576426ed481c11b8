import type { SessionId, StoredRecord } from '@coatcheck/core'
import type { LogLine } from './logbook.ts'
import type { Mode } from './mode.ts'
import type { DemoData } from './sessions.ts'
import type { Ticket } from './ticket.ts'
import type { Total, Usage } from './usage.ts'

/** What the panel beside the page shows. */
export interface Backstage {
  readonly mode: Mode
  readonly ticket: Ticket | null
  readonly id: SessionId | null
  /** The record in the store; null when there is none, as for a sealed session. */
  readonly record: StoredRecord | null
  /** The session's data. */
  readonly data: Partial<DemoData>
  readonly lines: readonly LogLine[]
  /** What the visitor's last requests have cost, newest first; this one is among them. */
  readonly usage: readonly Usage[]
  readonly totals: readonly Total[]
  /** The request that made this page, to mark its lines. */
  readonly requestId: string
}
