/** A middle with the range of the rounds around it. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** The value that a share of all are below; 0.5 is the median. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  const at = (sorted.length - 1) * share
  const [below = Number.NaN, above = below] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  return below + (above - below) * (at - Math.floor(at))
}

/** The median, and the quartiles beside it. */
export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), low: quantile(values, 0.25), high: quantile(values, 0.75) }
}

/** What each round of one is more than the same round of the other: neighbours on the machine hit both. */
export function differences(one: readonly number[], other: readonly number[]): number[] {
  return one.slice(0, other.length).map((value, round) => value - other[round]!)
}

/**
 * How many times as much, round by round. A round whose lower part is not above nothing says nothing about a ratio; where
 * that is so in most, there is none.
 */
export function ratioOf(one: readonly number[], other: readonly number[]): Spread {
  const rounds = one.flatMap((value, round) => {
    const below = other[round]
    return below !== undefined && below > 0 ? [value / below] : []
  })
  if (2 * rounds.length <= one.length) return { median: Number.NaN, low: Number.NaN, high: Number.NaN }
  return spreadOf(rounds)
}

/** Shuffles with a generator that begins at a seed, so that a run can be repeated. */
export function createShuffle(seed: number): <Item>(items: readonly Item[]) => Item[] {
  let state = seed >>> 0
  // mulberry32
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return (items) =>
    items
      .map((item) => ({ item, order: random() }))
      .toSorted((one, other) => one.order - other.order)
      .map(({ item }) => item)
}
