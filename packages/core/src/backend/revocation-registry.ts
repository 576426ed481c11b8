import type { SealedLine } from './revocation-record.ts'

const lines = new WeakMap<object, SealedLine | null>()

/**
 * Notes by what a session is known to a revocation; null while it has no cookie. A revocation refuses a session of which
 * nothing was noted: no manager of sealed sessions has made it.
 */
export function noteLine(session: object, line: SealedLine | null): void {
  lines.set(session, line)
}

/** What was noted last. */
export function notedLine(session: object): SealedLine | null | undefined {
  return lines.get(session)
}
