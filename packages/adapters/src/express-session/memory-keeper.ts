import { Cookie } from './cookie.ts'
import { attempt } from './maybe.ts'
import { readNow, removeNow, touchNow, writeNow, type MemoryStore } from './memory-store.ts'
import type { RecordKeeper } from './keeper.ts'
import type { SessionRecord } from './store.ts'

/** The records of a store in memory, past its public methods, which all answer later: here nothing has to wait. */
export function createMemoryKeeper(store: MemoryStore): RecordKeeper {
  const read: RecordKeeper['read'] = (sid) => attempt(() => readNow(store, sid) ?? null)
  return {
    peek: read,
    read,
    create: (sid, record) => attempt(() => writeNow(store, sid, plain(record))),
    // Between reading and writing, nobody else has a turn.
    change: (sid, make) =>
      attempt(() => {
        const stored = readNow(store, sid)
        if (stored === undefined) return false
        writeNow(store, sid, plain(make(stored)))
        return true
      }),
    touch: (sid, record) => attempt(() => touchNow(store, sid, plain(record))),
    destroy: (sid) => attempt(() => removeNow(store, sid)),
  }
}

/** Of the same JSON text; V8 writes objects without a `toJSON` twice as fast. */
function plain(record: SessionRecord): SessionRecord {
  const { cookie } = record
  return cookie instanceof Cookie ? { ...record, cookie: cookie.toJSON() } : record
}
