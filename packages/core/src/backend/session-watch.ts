import type { SessionId } from '../crypto/token.ts'
import type { OnEvent } from '../manager/events.ts'
import type { WatchableStore } from '../store/watchable-store.ts'
import { guard } from './guarded-store.ts'
import type { UserLines } from './user-lines.ts'

/** Waits for the end of one session. */
interface Watcher {
  id: SessionId
  /** Null until the session was looked at for the first time. */
  handle: string | null
  open: boolean
  readonly ended: () => void
}

/** Calls `ended` once when the session of an id has ended; gives what ends the waiting. */
export type SessionWatch = (id: SessionId, ended: () => void) => Promise<() => void>

/**
 * Watches sessions in a store. What the store says is only a hint: each time, the session itself is looked at, and
 * followed to the id that it has by now. When the store fails at that, the session counts as ended: in doubt a
 * connection is closed.
 */
export function createSessionWatch(store: WatchableStore, lines: UserLines, onEvent: OnEvent): SessionWatch {
  const watchers = new Map<SessionId, Set<Watcher>>()
  let subscription: Promise<() => void> | null = null

  function announce(id: SessionId | null): void {
    const concerned = id === null ? [...watchers.values()].flatMap((some) => [...some]) : watchers.get(id)
    for (const watcher of concerned ?? []) void look(watcher)
  }

  async function look(watcher: Watcher): Promise<void> {
    const found = await lines.current(watcher.id).catch(() => null)
    if (!watcher.open) return
    const { handle } = watcher
    const same = found !== null && (handle === null ? !found.superseded : found.line.handle === handle)
    if (!same) {
      leave(watcher)
      tell(watcher.ended)
      return
    }
    const { line } = found
    watcher.handle = line.handle
    if (line.id === watcher.id) return
    unlist(watcher)
    watcher.id = line.id
    list(watcher)
    // It may have ended before anybody waited for news of this id.
    await look(watcher)
  }

  function list(watcher: Watcher): void {
    watchers.set(watcher.id, (watchers.get(watcher.id) ?? new Set()).add(watcher))
  }

  function unlist(watcher: Watcher): void {
    const some = watchers.get(watcher.id)
    some?.delete(watcher)
    if (some?.size === 0) watchers.delete(watcher.id)
  }

  function leave(watcher: Watcher): void {
    if (!watcher.open) return
    watcher.open = false
    unlist(watcher)
    if (watchers.size > 0) return
    void subscription?.then((stop) => stop()).catch(() => {})
    subscription = null
  }

  return async (id, ended) => {
    const watcher: Watcher = { id, handle: null, open: true, ended }
    list(watcher)
    try {
      subscription ??= store.watch(announce)
      await guard(onEvent, 'get', () => subscription!, 'watch')
    } catch (error) {
      leave(watcher)
      subscription = null
      throw error
    }
    await look(watcher)
    return () => leave(watcher)
  }
}

/** A listener that throws must not keep others from hearing. */
function tell(ended: () => void): void {
  try {
    ended()
  } catch (error) {
    console.error('coatcheck: the onRevoked listener threw', error)
  }
}
