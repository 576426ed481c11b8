import { randomText } from '../crypto/bytes.ts'
import type { SessionId } from '../crypto/token.ts'
import { orNull, run, waitFor } from '../steps.ts'
import type { StoredRecord } from '../store/store.ts'
import { derivedId } from './derived-id.ts'
import type { GuardedStore } from './guarded-store.ts'
import { closedLedger, decodeLedger, encodeLedger, type Ledger, type LineName } from './revocation-record.ts'
import { end, type Step } from './revocation-rules.ts'
import { conflictError, maxAttempts } from './session-records.ts'

/** Whose ledger it is: a user's, or that of a line of rotations while nobody is signed in. */
type Holder = { readonly owner: string } | Pick<LineName, 'first' | 'owner'>

/** The ledgers of all owners, in a store. */
export interface Ledgers {
  /** The ledger by which a session is judged, null when it cannot be read; one read. */
  read(line: LineName): Promise<Ledger | null>
  /**
   * Writes what follows from the ledger as it is, by compare-and-set; when another write was first, it follows from
   * that one. After `read` with the same object, the first attempt needs no read.
   */
  change<Result>(holder: Holder, follow: (ledger: Ledger) => Step<Result>): Promise<Result>
  /** Ends a session, and what logins put in its place. */
  end(line: LineName): Promise<void>
}

/** A write that was tried, with what it was to result in. */
interface Attempt<Result> {
  readonly payload: string
  readonly result: Result
}

/** Keeps ledgers in a store: records without a user, so that ending a user's sessions leaves them. */
export function createLedgers(store: GuardedStore, keepFor: number, now: () => number): Ledgers {
  const reads = new WeakMap<object, StoredRecord | null>()

  async function read(line: LineName): Promise<Ledger | null> {
    const stored = await store.get(await idOf(line))
    reads.set(line, stored)
    return decodeLedger(stored)
  }

  async function change<Result>(holder: Holder, follow: (ledger: Ledger) => Step<Result>): Promise<Result> {
    const id = await idOf(holder)
    let known = reads.get(holder)
    // By the next time it is old.
    reads.delete(holder)
    let tried: Attempt<Result> | null = null
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const stored: StoredRecord | null = known === undefined ? await store.get(id) : known
      known = undefined
      // A client of the store that repeats a call by itself is told that it lost against its own write.
      if (tried !== null && stored?.payload === tried.payload) return tried.result
      const [result, next] = follow(decodeLedger(stored) ?? closedLedger(now()))
      if (next === undefined) return result
      const { expiresAt, payload } = encodeLedger(next, randomText(9), keepFor, now())
      tried = { payload, result }
      const version = stored?.version ?? 0
      const record = { payload, expiresAt, userId: null, version: version + 1 }
      if (await write(id, record, version)) return result
    }
    throw conflictError()
  }

  async function write(id: SessionId, record: StoredRecord, version: number): Promise<boolean> {
    try {
      return await store.compareAndSet(id, record, version)
    } catch (error) {
      // It may have been done before the failure. The client would be left with a cookie that is out of date.
      const found = await run(orNull(waitFor(() => store.get(id))))
      if (found?.payload === record.payload) return true
      throw error
    }
  }

  async function endLine(line: LineName): Promise<void> {
    const heirs = await change(line, (ledger) => end(ledger, line))
    for (const heir of heirs) await endLine(heir)
  }

  return { read, change, end: endLine }
}

/** A visitor's handle need not be unique: two who came within one millisecond may share it. */
async function idOf(holder: Holder): Promise<SessionId> {
  const { owner } = holder
  if (owner === null && 'first' in holder) return derivedId('revocation', 'session', holder.first)
  return derivedId('revocation', 'user', owner!)
}
