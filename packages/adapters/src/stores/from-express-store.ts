import type { Store, StoredRecord } from '@coatcheck/core'
import { Cookie } from '../express-session/cookie.ts'
import { answerOf, readRecord } from '../express-session/record-keeper.ts'
import type { AnyExpressStore, ExpressStore, SessionRecord } from '../express-session/store.ts'

/** Under this key of a record stands what core keeps; the rest of the record is there for the store. */
const ours = 'coatcheck'

/**
 * Any store made for express-session, for a session manager. Such a store can only put one record in the place of
 * another: parallel requests of one session may overwrite each other, and a slow one may bring an ended session back.
 *
 * When a record ends is told to the store in each of the ways in which such stores ask for it. Records of
 * express-session itself are none of ours: `expressSessions` takes them over.
 */
export function fromExpressStore(expressStore: AnyExpressStore): Store {
  const store: ExpressStore = expressStore
  return {
    async get(id) {
      const record = decode(await readRecord(store, id))
      // SQL stores round to the second; the time that was asked for is the earlier one.
      return record !== null && record.expiresAt > Date.now() ? record : null
    },
    async set(id, record) {
      await answerOf((done) => store.set(id, encode(record), done))
    },
    async delete(id) {
      await answerOf((done) => store.destroy(id, done))
    },
  }
}

function encode(record: StoredRecord): SessionRecord {
  // Stores take the end from cookie.expires, from cookie.maxAge or from cookie.originalMaxAge; here they agree.
  return { cookie: new Cookie({ expires: new Date(record.expiresAt) }), [ours]: { ...record } }
}

function decode(record: SessionRecord | null): StoredRecord | null {
  const content = record?.[ours] as Partial<StoredRecord> | undefined
  if (typeof content !== 'object' || content === null) return null
  const { expiresAt, payload, userId, version } = content
  if (typeof payload !== 'string' || typeof expiresAt !== 'number' || typeof version !== 'number') return null
  return { payload, expiresAt, userId: typeof userId === 'string' ? userId : null, version }
}
