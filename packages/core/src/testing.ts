import { clausesFor, type ContractOptions, type StoreCase } from './conformance/contract.ts'
import { SessionError } from './errors.ts'
import type { Store } from './store/store.ts'

export type { ContractOptions, StoreCase } from './conformance/contract.ts'

/** The two functions of a test runner that are needed; vitest, `node:test`, Bun and Jest have them. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown
  test(name: string, body: () => Promise<void>, timeout?: number): unknown
}

/** Races on a slow server take their time. In milliseconds. */
const timeout = 120_000

/**
 * The contract that a store must keep, as a list of cases for runners of your own. The races are part of it:
 * requests that set, update, log in, rotate, destroy, revoke, touch and expire one session, two and three at a
 * time, through all interleavings of their store calls.
 *
 * @param make Gives the store for one case; it may be the same each time. Ids and users are random, so it need not be empty.
 * @param options What to run; which capabilities are tested is seen from the store itself.
 */
export function storeContract(make: () => Store, options: ContractOptions = {}): StoreCase[] {
  return clausesFor(make, options)
}

/**
 * Runs the contract as a suite: `testStore('redis', () => redisStore(client), { describe, test })`.
 *
 * @param make Gives the store for one case; it may be the same each time.
 * @param runner Your test runner's `describe` and `test` (default: the global ones), and the options of the contract.
 */
export function testStore(
  name: string,
  make: () => Store,
  runner: Partial<TestRunner> & ContractOptions = {},
): void {
  const globals = globalThis as Partial<TestRunner>
  const describe = runner.describe ?? globals.describe
  const test = runner.test ?? globals.test
  if (describe === undefined || test === undefined) {
    throw new SessionError(
      'ERR_SESSION_CONFIG',
      "testStore found no test runner; hand it over: testStore(name, make, { describe, test }) with those of 'vitest' or 'node:test'.",
    )
  }
  describe(name, () => {
    for (const { name: clause, run } of storeContract(make, runner)) test(clause, run, timeout)
  })
}
