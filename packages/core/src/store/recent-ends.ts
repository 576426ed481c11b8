const counts = new WeakMap<object, number>()

/** Notes that sessions in this store were ended from outside of their requests. */
export function noteEnds(store: object): void {
  counts.set(store, endsIn(store) + 1)
}

/** How often that has happened in this process: who sees the number change must not trust a snapshot. */
export function endsIn(store: object): number {
  return counts.get(store) ?? 0
}
