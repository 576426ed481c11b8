import { newSessionId, type SessionId } from '../crypto/token.ts'
import type { AtomicStore, Store, StoredRecord, UserIndexedStore } from '../store/store.ts'
import { survivorsOfRevocation } from './revocation.ts'

/** One clause of the store contract: its name, and what a store must do that keeps it. */
export type Clause<Kind extends Store> = readonly [name: string, run: (store: Kind) => Promise<void>]

const parallel = 20

/** For every store. */
export const storeClauses: readonly Clause<Store>[] = [
  [
    'answers null for an id that it does not have',
    async (store) => expectRecord(await store.get(newSessionId()), null),
  ],
  [
    'gives back what was set',
    async (store) => {
      for (const payload of ['', '{"a":1}', 'Grüße, 世界 👋\u0000\n"\\', 'x'.repeat(200_000)]) {
        const [id, record] = [newSessionId(), recordOf({ payload, userId: payload === '' ? null : 'käthe' })]
        await store.set(id, record)
        expectRecord(await store.get(id), record)
      }
    },
  ],
  [
    'overwrites on set',
    async (store) => {
      const id = newSessionId()
      const next = recordOf({ payload: 'second', version: 2, userId: 'ann' })
      await store.set(id, recordOf({}))
      await store.set(id, next)
      expectRecord(await store.get(id), next)
    },
  ],
  [
    'keeps records apart',
    async (store) => {
      const records = new Map(
        Array.from({ length: parallel }, (_, at) => [newSessionId(), recordOf({ payload: `${at}` })]),
      )
      await Promise.all([...records].map(async ([id, record]) => store.set(id, record)))
      for (const [id, record] of records) expectRecord(await store.get(id), record)
    },
  ],
  [
    'deletes, also what is not there',
    async (store) => {
      const id = newSessionId()
      await store.delete(id)
      await store.set(id, recordOf({}))
      await store.delete(id)
      expectRecord(await store.get(id), null)
    },
  ],
  [
    'takes an expired record for absent',
    async (store) => {
      const id = newSessionId()
      await store.set(id, recordOf({ expiresAt: Date.now() - 1 }))
      expectRecord(await store.get(id), null)
    },
  ],
]

/** For stores that can write on a condition. */
export const atomicClauses: readonly Clause<AtomicStore>[] = [
  [
    'creates only what is not there',
    async (store) => {
      const [id, record] = [newSessionId(), recordOf({ payload: 'first' })]
      expect(await store.compareAndSet(id, record, 0), 'a free id was refused')
      expect(!(await store.compareAndSet(id, recordOf({ payload: 'second' }), 0)), 'an id was given twice')
      expectRecord(await store.get(id), record)
    },
  ],
  [
    'writes over the expected version only',
    async (store) => {
      const [id, next] = [newSessionId(), recordOf({ payload: 'next', version: 2 })]
      await store.compareAndSet(id, recordOf({}), 0)
      expect(
        !(await store.compareAndSet(id, recordOf({ version: 3 }), 2)),
        'a write over a version to come was accepted',
      )
      expect(await store.compareAndSet(id, next, 1), 'a write over the stored version was refused')
      expect(
        !(await store.compareAndSet(id, recordOf({ version: 2 }), 1)),
        'a write over a former version was accepted',
      )
      expectRecord(await store.get(id), next)
    },
  ],
  [
    'does not bring back what is gone',
    async (store) => {
      const [id, expired] = [newSessionId(), newSessionId()]
      await store.set(id, recordOf({}))
      await store.delete(id)
      expect(
        !(await store.compareAndSet(id, recordOf({ version: 2 }), 1)),
        'a deleted record was written over',
      )
      expectRecord(await store.get(id), null)
      await store.set(expired, recordOf({ expiresAt: Date.now() - 1 }))
      expect(
        !(await store.compareAndSet(expired, recordOf({ version: 2 }), 1)),
        'an expired record was written over',
      )
      expectRecord(await store.get(expired), null)
    },
  ],
  [
    'removes the expected version only',
    async (store) => {
      const [id, next] = [newSessionId(), recordOf({ version: 2 })]
      await store.set(id, next)
      expect(!(await store.compareAndSet(id, null, 1)), 'a newer version was removed')
      expectRecord(await store.get(id), next)
      expect(await store.compareAndSet(id, null, 2), 'the stored version was not removed')
      expectRecord(await store.get(id), null)
    },
  ],
  [
    'lets one of many parallel writers win',
    async (store) => {
      const id = newSessionId()
      for (const version of [1, 2, 3]) {
        const attempts = Array.from({ length: parallel }, async (_, at) =>
          store.compareAndSet(id, recordOf({ payload: `${version}/${at}`, version }), version - 1),
        )
        const won = (await Promise.all(attempts)).flatMap((written, at) =>
          written ? [`${version}/${at}`] : [],
        )
        expect(won.length === 1, `${won.length} of ${parallel} parallel writers were told that they had won`)
        expect((await store.get(id))?.payload === won[0], 'the record is not that of the writer who won')
      }
    },
  ],
]

/** For stores that find the sessions of a user. */
export const indexClauses: readonly Clause<UserIndexedStore>[] = [
  [
    'lists the live records of a user',
    async (store) => {
      const [ann, bob] = [newUser(), newUser()]
      const [first, second, expired, deleted, left] = [
        newSessionId(),
        newSessionId(),
        newSessionId(),
        newSessionId(),
        newSessionId(),
      ]
      await store.set(first, recordOf({ userId: ann, payload: 'first' }))
      await store.set(second, recordOf({ userId: ann }))
      await store.set(newSessionId(), recordOf({ userId: bob }))
      await store.set(expired, recordOf({ userId: ann, expiresAt: Date.now() - 1 }))
      await store.set(deleted, recordOf({ userId: ann }))
      await store.delete(deleted)
      await store.set(left, recordOf({ userId: ann }))
      await store.set(left, recordOf({ userId: null, version: 2 }))
      expectIds(await store.listByUser(ann), [first, second])
      expectRecord(
        (await store.listByUser(ann)).get(first) ?? null,
        recordOf({ userId: ann, payload: 'first' }),
      )
      expectIds(await store.listByUser(newUser()), [])
    },
  ],
  [
    'deletes the records of a user, but the excepted one',
    async (store) => {
      const [ann, bob] = [newUser(), newUser()]
      const [kept, gone, foreign] = [newSessionId(), newSessionId(), newSessionId()]
      for (const id of [kept, gone]) await store.set(id, recordOf({ userId: ann }))
      await store.set(foreign, recordOf({ userId: bob }))
      expect((await store.deleteByUser(ann, kept)) === 1, 'deleteByUser did not count one record')
      expectIds(await store.listByUser(ann), [kept])
      expectRecord(await store.get(gone), null)
      expect((await store.deleteByUser(ann)) === 1, 'deleteByUser did not count the excepted record')
      expectRecord(await store.get(kept), null)
      expectIds(await store.listByUser(bob), [foreign])
      expect((await store.deleteByUser(ann)) === 0, 'deleteByUser counted records that are not there')
    },
  ],
]

/** For stores that can do both. */
export const indexedAtomicClauses: readonly Clause<AtomicStore & UserIndexedStore>[] = [
  [
    'ends with its user a session that is being rotated',
    async (store) => {
      const survivors = await survivorsOfRevocation(store)
      expect(survivors === 0, `${survivors} rotated sessions survived the revocation of their user`)
    },
  ],
  [
    'keeps the user index in step with conditional writes',
    async (store) => {
      const [ann, id] = [newUser(), newSessionId()]
      await store.compareAndSet(id, recordOf({ userId: ann }), 0)
      expectIds(await store.listByUser(ann), [id])
      expect(
        !(await store.compareAndSet(id, recordOf({ userId: null, version: 5 }), 4)),
        'a wrong version was written over',
      )
      expectIds(await store.listByUser(ann), [id])
      await store.compareAndSet(id, recordOf({ userId: null, version: 2 }), 1)
      expectIds(await store.listByUser(ann), [])
      await store.compareAndSet(id, recordOf({ userId: ann, version: 3 }), 2)
      await store.compareAndSet(id, null, 3)
      expectIds(await store.listByUser(ann), [])
    },
  ],
]

function recordOf(fields: Partial<StoredRecord>): StoredRecord {
  return { payload: '{}', expiresAt: farAway, userId: null, version: 1, ...fields }
}

/** A time that is the same in every record of a run, so that records can be compared. */
const farAway = Date.now() + 86_400_000

function newUser(): string {
  return `user-${newSessionId()}`
}

/** Throws when the store does not keep the contract. */
export function expect(holds: boolean, fault: string): asserts holds {
  if (!holds) throw new Error(`Store contract: ${fault}.`)
}

function expectRecord(actual: StoredRecord | null, expected: StoredRecord | null): void {
  const fields = (record: StoredRecord | null): string =>
    JSON.stringify(record && [record.payload, record.expiresAt, record.userId, record.version])
  expect(
    fields(actual) === fields(expected),
    `got ${brief(fields(actual))} instead of ${brief(fields(expected))}`,
  )
}

function expectIds(actual: ReadonlyMap<SessionId, unknown>, expected: readonly SessionId[]): void {
  const [found, wanted] = [[...actual.keys()].toSorted().join(), expected.toSorted().join()]
  expect(found === wanted, `the user's sessions are [${found}] instead of [${wanted}]`)
}

function brief(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
