import { createQueue } from '../stores/queue.ts'
import type { ExpressStore, SessionRecord } from './store.ts'

/** What a session becomes, seen from what is stored now. */
export type Change = (stored: SessionRecord) => SessionRecord

/**
 * A store under this name can change a record on the condition that it is still the one that was read, and tells
 * whether there was one. Over it nothing is lost and nothing comes back, however many processes there are.
 */
export const changeAtomically: unique symbol = Symbol('coatcheck.changeAtomically')

/** A store of express-session that can. */
export interface AtomicExpressStore extends ExpressStore {
  [changeAtomically](sid: string, change: Change): Promise<boolean>
}

/** Records of a store of express-session. What changes one record happens one after the other within this process. */
export interface RecordKeeper {
  /** Writes a record that nobody else can know yet. */
  create(sid: string, record: SessionRecord): Promise<void>
  /** Writes what `change` makes of the newest record. @returns False when there is none any more: nothing is written. */
  change(sid: string, change: Change): Promise<boolean>
  /** Prolongs a record. @returns False when there is none any more. */
  touch(sid: string, record: SessionRecord): Promise<boolean>
  destroy(sid: string): Promise<void>
}

const keepers = new WeakMap<ExpressStore, RecordKeeper>()

/** The keeper of a store; all middleware over one store shares it. */
export function recordKeeperOf(store: ExpressStore): RecordKeeper {
  const known = keepers.get(store)
  if (known !== undefined) return known
  const keeper = createRecordKeeper(store)
  keepers.set(store, keeper)
  return keeper
}

/** Reads a record; `ENOENT` is how file stores say that there is none. */
export function readRecord(
  store: ExpressStore,
  sid: string,
  callback: (error: unknown, record: SessionRecord | null) => void,
): void {
  let answered = false
  const answer = (error?: unknown, record?: SessionRecord | null): void => {
    answered = true
    const missing = (error as { code?: unknown } | null | undefined)?.code === 'ENOENT'
    callback(missing ? null : (error ?? null), (!error && record) || null)
  }
  try {
    store.get(sid, answer)
  } catch (error) {
    // What comes after the answer has thrown; that is not the store's failure.
    if (answered) throw error
    answer(error)
  }
}

function createRecordKeeper(store: ExpressStore): RecordKeeper {
  const inTurn = createQueue()
  const read = (sid: string): Promise<SessionRecord | null> =>
    new Promise((resolve, reject) => {
      readRecord(store, sid, (error, record) => (error === null ? resolve(record) : reject(error)))
    })
  const write = (sid: string, record: SessionRecord): Promise<void> =>
    called((done) => store.set(sid, record, done))

  async function change(sid: string, make: Change): Promise<boolean> {
    // The store can only put a whole record in the place of another: what another process writes between these two
    // lines is lost.
    const stored = await read(sid)
    if (stored === null) return false
    await write(sid, make(stored))
    return true
  }

  async function touch(sid: string, record: SessionRecord): Promise<boolean> {
    try {
      await called((done) => store.touch!(sid, record, done))
      return true
    } catch (error) {
      // Some stores call it an error to touch a record that has gone.
      if ((await read(sid)) === null) return false
      throw error
    }
  }

  return {
    create: (sid, record) => inTurn(sid, () => write(sid, record)),
    change: (sid, make) =>
      inTurn(sid, () => (isAtomic(store) ? store[changeAtomically](sid, make) : change(sid, make))),
    touch: (sid, record) => (store.touch ? inTurn(sid, () => touch(sid, record)) : Promise.resolve(true)),
    destroy: (sid) => inTurn(sid, () => called((done) => store.destroy(sid, done))),
  }
}

function isAtomic(store: ExpressStore): store is AtomicExpressStore {
  return changeAtomically in store
}

function called(method: (done: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    method((error) => (error ? reject(error) : resolve()))
  })
}
