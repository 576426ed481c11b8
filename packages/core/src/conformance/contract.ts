import { isAtomic, isUserIndexed, type AtomicStore, type Store } from '../store/store.ts'
import {
  atomicClauses,
  expect,
  indexClauses,
  indexedAtomicClauses,
  storeClauses,
  type Clause,
} from './clauses.ts'
import { actorKinds, race } from './races.ts'

/** One clause of the store contract. */
export interface StoreCase {
  readonly name: string
  /** Rejects when the store breaks the clause. */
  run(): Promise<void>
}

/** Options of the contract. */
export interface ContractOptions {
  /** How many concurrent requests are raced through all interleavings of their store calls (default 3). */
  readonly actors?: 2 | 3
}

/** The clauses that hold for this kind of store; each runs on a store that `make` gives it. */
export function clausesFor(make: () => Store, { actors = 3 }: ContractOptions): StoreCase[] {
  const sample = make()
  // What a store can is seen from the sample, so a clause never meets a store that lacks what it needs.
  const cases = <Needed extends Store>(clauses: readonly Clause<Needed>[]): StoreCase[] =>
    clauses.map(([name, run]) => ({ name, run: () => run(make() as Needed) }))
  return [
    ...cases(storeClauses),
    ...(isAtomic(sample) ? [...cases(atomicClauses), ...cases(raceClauses(actors))] : []),
    ...(isUserIndexed(sample) ? cases(indexClauses) : []),
    ...(isAtomic(sample) && isUserIndexed(sample) ? cases(indexedAtomicClauses) : []),
  ]
}

/** One clause for each kind of actor and number of rivals, so that a failure is found by its name. */
function raceClauses(actors: 2 | 3): Clause<AtomicStore>[] {
  return actorKinds.flatMap((first, at) => {
    const rivals = actorKinds.slice(at)
    const pairs = rivals.map((second) => [first, second])
    const triples = rivals.flatMap((second, next) =>
      rivals.slice(next).map((third) => [first, second, third]),
    )
    const clauses: Clause<AtomicStore>[] = [[`survives every race of two with ${first}`, raceAll(pairs)]]
    return actors === 2
      ? clauses
      : [...clauses, [`survives every race of three with ${first}`, raceAll(triples)]]
  })

  function raceAll(groups: readonly (readonly (typeof actorKinds)[number][])[]) {
    return async (store: AtomicStore): Promise<void> => {
      // Races are independent; run together, they share the waiting for a server.
      const runs = await Promise.allSettled(groups.map((kinds) => race(store, kinds)))
      const faults = runs.flatMap((run) => (run.status === 'rejected' ? [String(run.reason)] : []))
      expect(faults.length === 0, faults.join('\n'))
    }
  }
}
