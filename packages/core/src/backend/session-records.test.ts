import { expect, test } from 'vitest'
import { newSessionId } from '../crypto/token.ts'
import { createLifetime } from '../session/lifetime.ts'
import { createDataGuard } from '../session/schema.ts'
import { noValues } from '../session/values.ts'
import { run } from '../steps.ts'
import { guardStore } from './guarded-store.ts'
import { createSessionRecords } from './session-records.ts'

const now = Date.UTC(2026, 10, 21)
const record = {
  createdAt: now,
  seenAt: now,
  authenticatedAt: null,
  userId: null,
  auth: null,
  issuedAt: now,
  previous: null,
  values: noValues,
}

test.each([
  ['rejects', (cause: Error): Promise<never> => Promise.reject(cause)],
  [
    'throws at once',
    (cause: Error): never => {
      throw cause
    },
  ],
])(
  'a burial that fails says why, although the look at what became of it fails too: a store that %s',
  async (_, fail) => {
    const [lost, gone] = [new Error('The write was lost.'), new Error('The store is gone.')]
    const store = {
      get: () => fail(gone),
      set: () => fail(gone),
      delete: () => fail(gone),
      compareAndSet: () => fail(lost),
    }
    const records = createSessionRecords(
      guardStore(store, () => {}),
      createDataGuard(undefined, undefined),
      createLifetime({}),
      () => now,
    )
    const live = { id: newSessionId(), version: 1, record, migrated: false }
    const burial = async () => run(records.bury(live, { successor: newSessionId(), graceUntil: 0 }))
    await expect(burial()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', cause: lost })
  },
)
