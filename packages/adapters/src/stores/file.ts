/// <reference types="node" />
import { rm, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { AtomicStore, SessionId, StoredRecord, UserIndexedStore } from '@coatcheck/core'
import { fileIndex } from './file-index.ts'
import { codeOf, freeDead, isDead, lockFile, namesIn, succeeds, type FileLock } from './file-lock.ts'
import { createQueue } from './queue.ts'
import { encodeRecord, idOf, isTorn, nameOf, readRecord, whole, type Found } from './file-record.ts'

/** Options of {@link fileStore}. */
export interface FileStoreOptions {
  /** How long a write waits for the other writers of its session, in milliseconds (default 2000). */
  readonly timeout?: number
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** A store in a folder. */
export interface FileStore extends AtomicStore, UserIndexedStore {
  /**
   * Removes what is left over: records that expired a minute ago, marks of removed records, entries of the user
   * index that lead nowhere, and what killed processes left behind. Call it from time to time, also while the store
   * is in use, by any one process; damaged files are left for you to see. @returns How many records were removed.
   */
  prune(): Promise<number>
}

/** Clocks differ by seconds; a record is kept a little longer than it lives. In milliseconds. */
const slack = 60_000

/** How many files of one user are read side by side. */
const breadth = 16

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space, or call prune()',
  EDQUOT: 'free some space, or call prune()',
  EACCES: 'give the process the right to write there',
  EPERM: 'give the process the right to write there',
  EROFS: 'choose a folder that can be written to',
  ENOTDIR: 'choose a path that no file is in the way of',
  EMFILE: 'raise the limit of open files (ulimit -n)',
}

/**
 * A store in a folder of the local disk, for one host and any number of processes on it. A write that was
 * acknowledged survives a crash and a loss of power. It starts no timer: call {@link FileStore.prune} from cron.
 *
 * @param folder Where to keep the sessions; it is made when it is missing, for this user of the system alone.
 */
export function fileStore(folder: string, options: FileStoreOptions = {}): FileStore {
  const { now = Date.now, timeout = 2000 } = options
  if (typeof folder !== 'string' || folder === '') {
    throw new Error("fileStore needs a folder to keep the sessions in, for example fileStore('./sessions').")
  }
  if (!(timeout > 0 && Number.isFinite(timeout))) {
    throw new Error('The option timeout of fileStore must be a number of milliseconds above 0.')
  }
  const root = resolve(folder)
  const records = join(root, 'records')
  const index = fileIndex(join(root, 'users'))
  const queued = createQueue()
  // A holder has waited for at most `timeout` with its file ready, and then as long again for the disk.
  const staleAfter = 2 * timeout

  const pathOf = (name: string): string => join(records, name.slice(0, 2), name)
  const live = (record: StoredRecord | null): StoredRecord | null =>
    record !== null && record.expiresAt > now() ? record : null

  /** Writes, or removes for null, if what is there is as expected. The user's entry is there before the record is. */
  function write(
    id: SessionId,
    next: StoredRecord | null,
    isExpected: (found: Found) => boolean,
  ): Promise<boolean> {
    const name = nameOf(id)
    const path = pathOf(name)
    const owner = next?.userId ?? null
    const deadline = performance.now() + timeout
    const attempt = async (lock: FileLock): Promise<Found | 'refused' | 'broken'> => {
      const found = await readRecord(path)
      if (!isExpected(found)) return 'refused'
      if (owner !== null) await index.add(index.folderOf(owner), name)
      return (await lock.commit()) ? found : 'broken'
    }
    return queued(path, async () => {
      for (;;) {
        // Looks before it waits: most writers that come too late need no lock to find that out.
        if (!isExpected(await readRecord(path))) return false
        const outcome = await locked(path, encodeRecord(next), deadline, attempt)
        if (outcome === 'refused') return false
        if (outcome === 'broken') continue
        const former = outcome === null || isTorn(outcome) ? null : outcome.userId
        // The write is done; an entry that stays is found and removed later.
        if (former !== null && former !== owner) await forget(index.folderOf(former), name).catch(() => {})
        return true
      }
    })
  }

  async function locked<Result>(
    path: string,
    content: string | null,
    deadline: number,
    task: (lock: FileLock) => Promise<Result>,
  ): Promise<Result> {
    const lock = await lockFile(path, { content, deadline, staleAfter })
    try {
      return await task(lock)
    } finally {
      await lock.release()
    }
  }

  /** Removes an entry that leads nowhere; under the lock, since a writer puts it there before the record. */
  function forget(folder: string, name: string): Promise<void> {
    const path = pathOf(name)
    return locked(path, null, performance.now() + timeout, async () => {
      if (!index.holds(folder, await readRecord(path))) await index.remove(folder, name)
    })
  }

  /** What these entries of a user's folder lead to; those that lead nowhere are removed. */
  async function foundAt(folder: string, names: readonly string[]): Promise<[SessionId, Found][]> {
    const all: [SessionId, Found][] = []
    for (let at = 0; at < names.length; at += breadth) {
      const reads = names.slice(at, at + breadth).map(async (name) => {
        const found = await readRecord(pathOf(name))
        if (index.holds(folder, found)) all.push([idOf(name)!, found])
        else await queued(pathOf(name), () => forget(folder, name)).catch(() => {})
      })
      await Promise.all(reads)
    }
    return all
  }

  /** The entries of a user, without those that were met twice before. */
  async function entriesOf(folder: string, met: Map<string, number> = new Map()): Promise<string[]> {
    const all = await index.names(folder)
    const names = all.filter((name) => idOf(name) !== null && (met.get(name) ?? 0) < 2)
    for (const name of names) met.set(name, (met.get(name) ?? 0) + 1)
    return names
  }

  async function pruneRecord(name: string): Promise<number> {
    const path = pathOf(name)
    const isOver = (found: Found): boolean =>
      found === null || (!isTorn(found) && found.expiresAt + slack <= now())
    if (!isOver(await readRecord(path))) return 0
    const remove = async (): Promise<number> =>
      isOver(await readRecord(path)) && (await succeeds(unlink(path), 'ENOENT')) ? 1 : 0
    return queued(path, () => locked(path, null, performance.now() + timeout, remove))
  }

  async function pruneShard(shard: string): Promise<number> {
    let removed = 0
    for (const name of await namesIn(shard)) {
      const path = join(shard, name)
      if (idOf(name) !== null) removed += await pruneRecord(name)
      else if (name.endsWith('.lock')) await freeDead(path, Math.max(slack, staleAfter))
      else if (name.endsWith('.tmp') && (await isDead(path, name, Math.max(slack, staleAfter)))) {
        await rm(path, { recursive: true, force: true })
      }
    }
    return removed
  }

  async function prune(): Promise<number> {
    let removed = 0
    for (const shard of await namesIn(records)) removed += await pruneShard(join(records, shard))
    for await (const user of index.folders()) {
      for (const name of await index.names(user)) {
        if (idOf(name) === null || index.holds(user, await readRecord(pathOf(name)))) continue
        await queued(pathOf(name), () => forget(user, name))
      }
      await index.sweep(user)
    }
    return removed
  }

  async function told<Result>(task: () => Promise<Result>): Promise<Result> {
    try {
      return await task()
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const remedy = remedies[codeOf(cause)]
      throw new Error(
        `The file store in ${root} failed: ${reason}${remedy === undefined ? '' : `; ${remedy}`}.`,
        {
          cause,
        },
      )
    }
  }

  return {
    get: (id) => told(async () => live(whole(await readRecord(pathOf(nameOf(id)))))),
    set: (id, record) => told(async () => void (await write(id, record, () => true))),
    delete: (id) => told(async () => void (await write(id, null, (found) => found !== null))),
    compareAndSet: (id, next, expected) =>
      told(() => write(id, next, (found) => (live(whole(found))?.version ?? 0) === expected)),
    listByUser: (userId) =>
      told(async () => {
        const folder = index.folderOf(userId)
        const found = await foundAt(folder, await entriesOf(folder))
        const lives = found.map(([id, found]) => [id, live(whole(found))] as const)
        return new Map(
          lives.flatMap(([id, record]) => (record?.userId === userId ? [[id, record] as const] : [])),
        )
      }),
    deleteByUser: (userId, except) =>
      told(async () => {
        // A damaged record ends too: it cannot be used, and may have been the user's.
        const isTheirs = (found: Found): boolean =>
          found !== null && (isTorn(found) || live(found)?.userId === userId)
        const folder = index.folderOf(userId)
        const met = new Map<string, number>()
        let count = 0
        // A rotation that runs meanwhile makes an entry, then the new record, and only then gives the old one up. Who
        // has found no new record yet, and then the old one given up, finds the new one when it looks again.
        for (;;) {
          const names = await entriesOf(folder, met)
          if (names.length === 0) return count
          const found = await foundAt(folder, names)
          const doomed = found.filter(([id, found]) => id !== except && isTheirs(found))
          for (const [id] of doomed) if (await write(id, null, isTheirs)) count++
        }
      }),
    prune: () => told(prune),
  }
}
