import { createQueue } from '../stores/queue.ts'
import { within } from '../stores/time-limit.ts'
import type { Change, RecordKeeper } from './keeper.ts'
import { createMemoryKeeper } from './memory-keeper.ts'
import { isUnaltered, MemoryStore } from './memory-store.ts'
import type { ExpressStore, SessionRecord, StoreCallback } from './store.ts'

/**
 * A store under this name can change a record on the condition that it is still the one that was read, and tells
 * whether there was one. Over it nothing is lost and nothing comes back, however many processes there are.
 */
export const changeAtomically: unique symbol = Symbol('coatcheck.changeAtomically')

/** A store of express-session that can. */
export interface AtomicExpressStore extends ExpressStore {
  [changeAtomically](sid: string, change: Change): Promise<boolean>
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

/** Reads a record; null when there is none. `ENOENT` is how file stores say so. */
export function readRecord(store: ExpressStore, sid: string): Promise<SessionRecord | null> {
  return new Promise((resolve, reject) => {
    ask<SessionRecord>(
      (done) => store.get(sid, done),
      (record) => resolve(record || null),
      (error) =>
        (error as { code?: unknown } | undefined)?.code === 'ENOENT' ? resolve(null) : reject(error),
    )
  })
}

/** Waits until a store has called back; an answer beside an error counts for nothing. */
export function answerOf(call: (done: StoreCallback) => unknown): Promise<void> {
  return new Promise((resolve, reject) => ask(call, () => resolve(), reject))
}

/**
 * Calls a method of a store. Only the first answer counts, if the two that take it are those of a promise. The callback
 * does nothing that could throw: some stores take that for a failure of their own, and call back again or even remove
 * the record.
 */
function ask<Value>(
  call: (done: StoreCallback<Value>) => unknown,
  resolve: (value: Value | null | undefined) => void,
  reject: (error: unknown) => void,
): void {
  try {
    const returned = call((error, value) => (error ? reject(error) : resolve(value)))
    // An async method may reject instead; that it is over says nothing.
    if (returned instanceof Promise) returned.catch(reject)
  } catch (error) {
    reject(error)
  }
}

/**
 * How long the store has for what comes in one turn, in milliseconds: a call that it has forgotten must not block the
 * session for ever. One that is merely late may come between those that follow.
 */
const patience = 30_000

function createRecordKeeper(store: ExpressStore): RecordKeeper {
  const queued = createQueuedKeeper(store)
  if (!(store instanceof MemoryStore) || isAtomic(store)) return queued
  const direct = createMemoryKeeper(store)
  // Asked each time: somebody may watch or mend the methods of the store at any time.
  const keeper = (): RecordKeeper => (isUnaltered(store) ? direct : queued)
  return {
    peek: (sid) => keeper().peek(sid),
    read: (sid) => keeper().read(sid),
    create: (sid, record) => keeper().create(sid, record),
    change: (sid, make) => keeper().change(sid, make),
    touch: (sid, record, make) => keeper().touch(sid, record, make),
    destroy: (sid) => keeper().destroy(sid),
  }
}

function createQueuedKeeper(store: ExpressStore): RecordKeeper {
  const queue = createQueue()
  const inTurn = <Result>(sid: string, task: () => Promise<Result>): Promise<Result> =>
    queue(sid, () => within(patience, 'The session store has not answered for 30 seconds.', task()))
  const write = (sid: string, record: SessionRecord): Promise<void> =>
    answerOf((done) => store.set(sid, record, done))

  async function change(sid: string, make: Change): Promise<boolean> {
    // The store can only put a whole record in the place of another: what another process writes between these two
    // lines is lost.
    const stored = await readRecord(store, sid)
    if (stored === null) return false
    await write(sid, make(stored))
    return true
  }

  async function touch(sid: string, record: SessionRecord): Promise<boolean> {
    try {
      await answerOf((done) => store.touch!(sid, record, done))
      return true
    } catch (error) {
      // Some stores call it an error to touch a record that has gone.
      if ((await readRecord(store, sid)) === null) return false
      throw error
    }
  }

  return {
    peek: (sid) => readRecord(store, sid),
    read: (sid) => inTurn(sid, () => readRecord(store, sid)),
    create: (sid, record) => inTurn(sid, () => write(sid, record)),
    change: (sid, make) =>
      inTurn(sid, () => (isAtomic(store) ? store[changeAtomically](sid, make) : change(sid, make))),
    touch(sid, record, make) {
      if (!store.touch) return true
      return inTurn(sid, () => (isAtomic(store) ? store[changeAtomically](sid, make) : touch(sid, record)))
    },
    destroy: (sid) => inTurn(sid, () => answerOf((done) => store.destroy(sid, done))),
  }
}

function isAtomic(store: ExpressStore): store is AtomicExpressStore {
  return changeAtomically in store
}
