/** What a step touches: one key, or (`null`) anything. Steps on different keys, or that only read, can change places. */
export interface Footprint {
  readonly key: string | null
  readonly writes: boolean
}

/** Lets an actor's next step happen; until then the actor waits. */
export type Gate = <Result>(footprint: Footprint, step: () => Promise<Result>) => Promise<Result>

/** One of several concurrent parties. All it does to the world, it does through its gate. */
export type Actor = (gate: Gate) => Promise<void>

/** A point at which one of several waiting actors goes on. */
interface Point {
  readonly waiting: ReadonlyMap<number, Footprint>
  /** Actors whose going on now would only repeat an order that has been run, with two independent steps exchanged. */
  readonly asleep: Set<number>
  chosen: number
}

/**
 * Runs actors through every order in which their steps can follow each other, leaving out orders that differ from
 * one already run only by the exchange of independent steps (sleep sets: Godefroid, Partial-Order Methods, 1996).
 * Each order is run from the beginning: `prepare` makes a fresh world, and `verify` judges how it ended.
 *
 * @returns How many orders were run to their end.
 */
export async function exploreInterleavings<World>(
  prepare: () => Promise<{ world: World; actors: readonly Actor[] }>,
  verify: (world: World, order: string) => Promise<void>,
): Promise<number> {
  let explored = 0
  const path: Point[] = []
  do {
    const { actors, world } = await prepare()
    const finished = await runOnce(actors, path)
    if (!finished) continue
    await verify(world, path.map(({ chosen }) => chosen).join(''))
    explored++
  } while (backtrack(path))
  return explored
}

/** Follows the path as far as it goes and extends it. @returns False when it leads to nothing new. */
async function runOnce(actors: readonly Actor[], path: Point[]): Promise<boolean> {
  const parties: Party[] = []
  // One at a time, up to the first step: between steps an actor never overlaps with another.
  for (const actor of actors) parties.push(await start(actor))
  for (let depth = 0; ; depth++) {
    const waiting = new Map(
      [...parties.entries()].flatMap(([actor, { next }]) => (next() ? [[actor, next()!]] : [])),
    )
    if (waiting.size === 0) return true
    if (depth === path.length) path.push({ waiting, asleep: stillAsleep(path.at(-1)), chosen: -1 })
    const point = path[depth]!
    if (point.chosen === -1 && !chooseNext(point)) {
      path.pop()
      return false
    }
    await parties[point.chosen]!.proceed()
  }
}

/** Whoever slept at the last point sleeps on, unless the step taken there made a difference to it. */
function stillAsleep(last: Point | undefined): Set<number> {
  if (last === undefined) return new Set()
  const taken = last.waiting.get(last.chosen)!
  return new Set([...last.asleep].filter((actor) => areIndependent(last.waiting.get(actor)!, taken)))
}

function chooseNext(point: Point): boolean {
  const next = [...point.waiting.keys()].find((actor) => !point.asleep.has(actor))
  if (next !== undefined) point.chosen = next
  return next !== undefined
}

/** Turns the path to the next order, depth first. @returns False when there is none. */
function backtrack(path: Point[]): boolean {
  for (let point = path.at(-1); point !== undefined; point = path.at(-1)) {
    point.asleep.add(point.chosen)
    if (chooseNext(point)) return true
    path.pop()
  }
  return false
}

function areIndependent(one: Footprint, other: Footprint): boolean {
  if (!one.writes && !other.writes) return true
  return one.key !== null && other.key !== null && one.key !== other.key
}

interface Party {
  /** What it waits to do, or null when it is done. */
  next(): Footprint | null
  /** Lets it do one step; settles when it waits again or is done. */
  proceed(): Promise<void>
}

async function start(actor: Actor): Promise<Party> {
  let next: Footprint | null = null
  let open = Promise.withResolvers<void>()
  let rest = Promise.withResolvers<void>()
  const gate: Gate = async (footprint, step) => {
    next = footprint
    rest.resolve()
    await open.promise
    return step()
  }
  const done = actor(gate)
  await Promise.race([rest.promise, done])
  return {
    next: () => next,
    async proceed() {
      next = null
      rest = Promise.withResolvers()
      open.resolve()
      open = Promise.withResolvers()
      await Promise.race([rest.promise, done])
    },
  }
}
