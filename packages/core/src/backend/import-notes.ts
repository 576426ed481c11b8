import type { SessionId } from '../crypto/token.ts'
import type { StoredRecord } from '../store/store.ts'
import type { GuardedStore } from './guarded-store.ts'
import { longestImport } from './import-id.ts'
import { conflictError, maxAttempts } from './session-records.ts'

/** When foreign cookies were taken over: afterwards they are as good as ended. Failures of the store are `ERR_SESSION_STORE`. */
export interface ImportNotes {
  /** When it was taken over first, in milliseconds since the epoch; null when it was not. */
  importedAt(id: SessionId): Promise<number | null>
  /** Notes when it was taken over, unless that was earlier; 0 ends it without any grace. */
  noteImport(id: SessionId, at: number): Promise<void>
}

/** Keeps the notes in a store, for as long as a browser may keep the cookie. */
export function createImportNotes(store: GuardedStore, now: () => number): ImportNotes {
  return {
    importedAt: async (id) => takenAt(await store.get(id)),
    async noteImport(id, at) {
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const stored = await store.get(id)
        const known = takenAt(stored)
        if (known !== null && known <= at) return
        const version = stored?.version ?? 0
        const record = {
          payload: JSON.stringify({ format: 1, at }),
          expiresAt: now() + longestImport,
          userId: null,
        }
        if (await store.compareAndSet(id, { ...record, version: version + 1 }, version)) return
      }
      throw conflictError()
    },
  }
}

/** A note that cannot be read was of something: the cookie counts as taken long ago. */
function takenAt(stored: StoredRecord | null): number | null {
  if (stored === null) return null
  try {
    const { at, format } = JSON.parse(stored.payload) as { at?: unknown; format?: unknown }
    return format === 1 && typeof at === 'number' ? at : 0
  } catch {
    return 0
  }
}
