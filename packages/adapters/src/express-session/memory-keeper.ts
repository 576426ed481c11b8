import { attempt } from './maybe.ts'
import { readNow, removeNow, touchNow, writeNow, type MemoryStore } from './memory-store.ts'
import type { RecordKeeper } from './keeper.ts'

/** The records of a store in memory, past its public methods, which all answer later: here nothing has to wait. */
export function createMemoryKeeper(store: MemoryStore): RecordKeeper {
  const read: RecordKeeper['read'] = (sid) => attempt(() => readNow(store, sid) ?? null)
  return {
    peek: read,
    read,
    create: (sid, record) => attempt(() => writeNow(store, sid, record)),
    // Between reading and writing, nobody else has a turn.
    change: (sid, make) =>
      attempt(() => {
        const stored = readNow(store, sid)
        if (stored === undefined) return false
        writeNow(store, sid, make(stored))
        return true
      }),
    touch: (sid, record) => attempt(() => touchNow(store, sid, record)),
    destroy: (sid) => removeNow(store, sid),
  }
}
