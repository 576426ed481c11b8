import { newSessionId, type SessionId } from '../crypto/token.ts'
import type { AtomicStore, StoredRecord, UserIndexedStore } from '../store/store.ts'

const rounds = 100

/** How many reads fit into a rotation, generously: the revocation starts after 0, 1, … of them. */
const longestStart = 40

/**
 * Rotates a session and revokes its user at the same time, again and again: whatever meets what, nothing of the user
 * may be left. A store that reads its index once and then looks at the records can miss the successor. The steps that
 * meet are inside the store, so they cannot be put in order from here, only tried.
 *
 * @returns How many sessions survived their revocation.
 */
export async function survivorsOfRevocation(store: AtomicStore & UserIndexedStore): Promise<number> {
  let survivors = 0
  for (let round = 0; round < rounds; round++) {
    const user = `user-${newSessionId()}`
    const [from, to] = [newSessionId(), newSessionId()]
    await store.compareAndSet(from, recordOf(1, user), 0)
    const both = [() => rotate(store, from, to, user), () => revoke(store, user, (round >> 1) % longestStart)]
    if (round % 2 === 1) both.reverse()
    await Promise.all(both.map((start) => start()))
    if ((await store.get(to)) !== null || (await store.get(from))?.userId === user) survivors++
  }
  return survivors
}

/** As core does it: the successor first, then the tombstone on a condition, and all taken back if that fails. */
async function rotate(store: AtomicStore, from: SessionId, to: SessionId, user: string): Promise<void> {
  await store.compareAndSet(to, recordOf(1, user), 0)
  if (!(await store.compareAndSet(from, recordOf(2, null), 1))) await store.delete(to)
}

async function revoke(store: UserIndexedStore, user: string, reads: number): Promise<void> {
  for (let read = 0; read < reads; read++) await store.get(newSessionId())
  await store.deleteByUser(user)
}

function recordOf(version: number, userId: string | null): StoredRecord {
  return { payload: '{}', expiresAt: Date.now() + 60_000, userId, version }
}
