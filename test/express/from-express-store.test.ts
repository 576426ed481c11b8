// A session manager over the stores that people have: the contract, and when each store itself lets a record end.
import { fromExpressStore } from '@coatcheck/adapters/express-store'
import type { SessionId } from '@coatcheck/core'
import { storeContract } from '@coatcheck/core/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Store as ExpressStore } from 'express-session'
import { implementations } from './implementations.ts'
import { places, type Place } from './stores.ts'

const session = implementations[1]![1]

describe.for(places)('fromExpressStore over %s', ([, open]) => {
  let place: Place
  let store: ExpressStore

  beforeAll(async () => {
    place = await open()
    store = await place.connect(session)
  })
  afterAll(() => place.close())

  // The contract asks for its store when a case runs, and only then there is one.
  test.for(storeContract(() => fromExpressStore(store ?? {})))('$name', ({ run }) => run())

  test('the store lets a record end when the record says', async () => {
    const id = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw' as SessionId
    const expiresAt = Date.now() + 3_600_000
    await fromExpressStore(store).set(id, { payload: '{}', expiresAt, userId: null, version: 1 })
    const kept = await place.find(id)
    expect(Math.abs(kept!.until! - expiresAt)).toBeLessThan(2000)
  })
})
