let count = 0

/** Notes that sessions were ended from outside of their requests, in whatever store: it may be known by several objects. */
export function noteEnds(): void {
  count++
}

/** How often that has happened in this process: who sees the number change must not trust what was read before. */
export function recentEnds(): number {
  return count
}
