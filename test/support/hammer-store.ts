import type { SessionEvent, SessionManagerOptions, Store } from '@coatcheck/core'

/** What a process of the hammer is told. */
export interface HammerOrder {
  /** Stands before the keys that are its own. */
  readonly name: string
  readonly storeModule: string
  readonly argument: unknown
  readonly cookie: string
  readonly rounds: number
}

/** The data of the session that is hammered: the shared counter, and a key for each request. */
export type HammerData = { sum: number } & Record<string, number>

/** A store with its connections. */
export interface HeldStore {
  readonly store: Store
  close(): Promise<unknown>
}

/** What a module for the hammer exports. */
export interface StoreModule {
  /** Gives a store, or a store and what ends its connections. */
  makeStore(argument: unknown): Store | HeldStore | Promise<Store | HeldStore>
}

/** The store that a module makes of the argument. */
export async function storeOf(storeModule: string, argument: unknown): Promise<HeldStore> {
  const { makeStore } = (await import(storeModule)) as StoreModule
  const made = await makeStore(argument)
  return 'store' in made ? made : { store: made, close: async () => {} }
}

/** The options that all managers of a hammer share. */
export function hammerOptions(
  store: Store,
  onEvent: (event: SessionEvent) => void = () => {},
): SessionManagerOptions<HammerData> {
  return { secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'], store, onEvent }
}
