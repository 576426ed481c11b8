import { randomBytes } from 'node:crypto'
import { MemoryStore as DropInStore } from '@coatcheck/adapters/express-session'
import { createSessionManager, type SessionId, type StoredRecord } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import session, { type SessionStore } from 'express-session'
import createMemoryStore from 'memorystore'
import { smallGoods, type Goods } from './scenarios.ts'
import { secret } from './subjects/subject.ts'

/** A store of one process, as the measuring sees it. Ids are made anew, as they would be for a visitor. */
export interface MeasuredStore {
  /** @param ttl How long the session lasts, in milliseconds. @returns Its id. */
  put(ttl: number): Promise<string>
  get(id: string): Promise<boolean>
  /** Is rid of what is over, all at once; stores that do it bit by bit, with their calls, have none. */
  readonly sweep?: () => Promise<void>
  /** How many are held, those that are over included; for stores without `sweep`. */
  readonly size?: () => number
}

/** By name, each empty. */
export const memoryStores: Readonly<Record<string, () => Promise<MeasuredStore>>> = {
  'coatcheck memoryStore': coatcheckStore,
  'coatcheck drop-in MemoryStore': async () => expressStore(new DropInStore(), 'all'),
  'express-session MemoryStore': async () => expressStore(new session.MemoryStore(), 'all'),
  memorystore: async () => expressStore(new (createMemoryStore(session))({}), 'prune'),
}

async function coatcheckStore(): Promise<MeasuredStore> {
  const sample = await sampleRecord()
  const bytes = Buffer.from(sample.payload)
  const store = memoryStore({ maxEntries: 2_000_000 })
  return {
    async put(ttl) {
      const id = randomBytes(32).toString('base64url') as SessionId
      // A text of its own, as the serialiser would have made it.
      await store.set(id, { ...sample, payload: bytes.toString('latin1'), expiresAt: Date.now() + ttl })
      return id
    },
    get: async (id) => (await store.get(id as SessionId)) !== null,
    size: () => store.size,
  }
}

/** What the manager writes for the goods. */
async function sampleRecord(): Promise<StoredRecord> {
  const store = memoryStore()
  let written: StoredRecord | undefined
  const watched = {
    ...store,
    set: async (_id: SessionId, record: StoredRecord) => void (written = record),
    compareAndSet: async (_id: SessionId, record: StoredRecord | null) => {
      written = record ?? written
      return true
    },
  }
  const sessions = createSessionManager<Goods>({ secrets: [secret], store: watched })
  await sessions.handle(new Request('http://localhost/'), (opened) => {
    for (const key of Object.keys(smallGoods)) opened.set(key, smallGoods[key])
    return new Response()
  })
  if (written === undefined) throw new Error('The manager wrote no record.')
  return written
}

function expressStore(store: SessionStore, how: 'all' | 'prune'): MeasuredStore {
  return {
    put(ttl) {
      const id = randomBytes(24).toString('base64url')
      const cookie = {
        originalMaxAge: ttl,
        maxAge: ttl,
        expires: new Date(Date.now() + ttl),
        httpOnly: true,
        path: '/',
      }
      return new Promise((resolve, reject) => {
        store.set(id, { ...smallGoods, cookie }, (error) => (error ? reject(error) : resolve(id)))
      })
    },
    get: (id) =>
      new Promise((resolve, reject) => {
        store.get(id, (error, found) =>
          error ? reject(error) : resolve(found !== undefined && found !== null),
        )
      }),
    sweep: async () => {
      if (how === 'prune') store.prune!()
      else await new Promise((resolve) => store.all!(resolve))
    },
  }
}
