import type { AtomicStore, SessionId, StoredRecord, UserIndexedStore } from '@coatcheck/core'
import { markedText, recordArguments, userKey, type RedisLink } from './redis-link.ts'

/** A store over Redis: it writes on a condition, and finds the sessions of a user by an index. */
export interface RedisRecords extends AtomicStore, UserIndexedStore {}

/** Where record and index are written, and in how many steps. */
interface Layout {
  /** @returns Whether the version was the expected one; `''` stands for any. */
  write(id: SessionId, next: StoredRecord | null, expected: string): Promise<boolean>
  deleteByUser(userId: string, except?: SessionId): Promise<number>
}

/**
 * Records over a link. On a cluster, a record and the index that names it lie on different servers.
 *
 * @param channel Where ends are published, or '' to publish none.
 */
export function redisRecords(link: RedisLink, cluster: boolean, channel = ''): RedisRecords {
  const layout = cluster ? apart(link, channel) : together(link, channel)
  const { now, read } = link
  return {
    async get(id) {
      const record = await read(id)
      return record !== null && record.expiresAt > now() ? record : null
    },
    async set(id, record) {
      await layout.write(id, record, '')
    },
    async delete(id) {
      await layout.write(id, null, '')
    },
    compareAndSet: (id, next, expected) => layout.write(id, next, `${expected}`),
    async listByUser(userId) {
      const found = new Map<SessionId, StoredRecord>()
      await visitAll(link, userId, async (id) => {
        const record = await read(id)
        const theirs = record?.userId === userId
        if (theirs && record.expiresAt > now()) found.set(id, record)
        return record === null ? 'gone' : theirs ? 'theirs' : 'foreign'
      })
      return found
    },
    deleteByUser: layout.deleteByUser,
  }
}

/** One server: a script changes record and index in one step. */
function together(link: RedisLink, channel: string): Layout {
  const { now, prefix, run } = link
  return {
    async write(id, next, expected) {
      const keys = [
        prefix + id,
        ...(next === null || next.userId === null ? [] : [userKey(link, next.userId)]),
      ]
      const record = next === null ? [] : recordArguments(next)
      const order = [`${now()}`, expected, id, 'together', channel, ...record]
      return (await run<number>('write', keys, order)) === 1
    },
    async deleteByUser(userId, except) {
      const user = markedText(userId, 'userId')
      return run<number>('revokeAll', [userKey(link, userId)], [`${now()}`, user, except ?? '', channel])
    },
  }
}

/**
 * A cluster: a script reaches the keys of one slot, so record and index are written by two commands. An entry too
 * many in the index is harmless: who reads it looks at the record. One too few would let a session escape its
 * user's `deleteByUser`. So:
 *
 * - A write is acknowledged when both are done. Over a version that is there, the entry goes first: were it the other
 *   way round, a record whose entry was not prolonged with it could outlive that entry. What may be new (a login) gets
 *   its entry after the record: an entry whose record is gone is then never one whose record is still to come, and
 *   whoever finds it can remove it. Ids are not used again.
 * - Of a login whose entry failed, core removes the record again. If the server cannot be reached for that either, the
 *   record stays without an entry until it expires; no client was told its id, so nothing leads to it.
 * - An entry is removed after its record is gone, never before; otherwise only a minute after its time is over, and its
 *   time is never shorter than that of its record.
 * - A session that is created while `deleteByUser` runs and is missed by it was not acknowledged when the index was
 *   read: it counts as created afterwards. Core's rotation creates the new record first and then gives the old one up
 *   on the condition that it is still there; so if the old one was removed, core removes the new one too, and if the
 *   old one was found given up, the new one had been indexed before: the index is read again until it names no
 *   session that was not looked at.
 */
function apart(link: RedisLink, channel: string): Layout {
  const { now, prefix, run } = link
  return {
    async write(id, next, expected) {
      const record = next === null ? [] : recordArguments(next)
      const order = [`${now()}`, expected, id, 'apart', channel, ...record]
      const write = async (): Promise<boolean> => (await run<number>('write', [prefix + id], order)) === 1
      if (next === null || next.userId === null) return write()
      const { expiresAt, userId } = next
      const index = (): Promise<unknown> =>
        run('index', [userKey(link, userId)], [`${now()}`, id, `${expiresAt}`])
      const renewed = Number(expected) > 0
      if (renewed) await index()
      const written = await write()
      if (written && !renewed) await index()
      return written
    },
    async deleteByUser(userId, except) {
      const revocation = [`${now()}`, markedText(userId, 'userId')]
      let removed = 0
      await visitAll(link, userId, async (id) => {
        if (id === except) return 'theirs'
        const outcome = await run<number>('revoke', [prefix + id], [...revocation, id, channel])
        if (outcome === 2) removed++
        return outcome === 0 ? 'foreign' : 'gone'
      })
      return removed
    },
  }
}

/** What a visit found under an id of the index: the user's record, none, or one that is not the user's. */
type Finding = 'theirs' | 'gone' | 'foreign'

/**
 * Visits all that the index names, in parallel, and takes out what is gone. Where something had moved since the
 * index was read, it is read again, and what is new there is visited too; ids are visited once.
 */
async function visitAll(
  link: RedisLink,
  userId: string,
  visit: (id: SessionId) => Promise<Finding>,
): Promise<void> {
  const list = (gone: readonly string[]): Promise<SessionId[]> =>
    link.run('list', [userKey(link, userId)], gone)
  const visited = new Set<SessionId>()
  let ids = await list([])
  while (ids.length > 0) {
    const findings = await Promise.all(ids.map(async (id) => [id, await visit(id)] as const))
    for (const id of ids) visited.add(id)
    if (findings.every(([, finding]) => finding === 'theirs')) return
    const gone = findings.flatMap(([id, finding]) => (finding === 'gone' ? [id] : []))
    ids = (await list(gone)).filter((id) => !visited.has(id))
  }
}
