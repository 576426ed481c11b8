import { expect, test } from 'vitest'
import { createUserLines } from '../backend/user-lines.ts'
import { memoryStore } from '../memory-store.ts'
import { newSessionId } from '../crypto/token.ts'
import { createUserSessions } from '../user-sessions.ts'
import { endsIn, noteEnds } from './recent-ends.ts'

test('each store has a count of its own, which begins at 0 and grows with each note', () => {
  const [one, other] = [memoryStore(), memoryStore()]
  expect([endsIn(one), endsIn(other)]).toEqual([0, 0])
  noteEnds(one)
  noteEnds(one)
  expect([endsIn(one), endsIn(other)]).toEqual([2, 0])
})

test('a store may be frozen: nothing is written to it', () => {
  const store = Object.freeze(memoryStore())
  noteEnds(store)
  expect(endsIn(store)).toBe(1)
})

test('is noted before the session is ended, so that no request can see the end and not the note', async () => {
  const memory = memoryStore()
  const seen: number[] = []
  const store = {
    ...memory,
    async compareAndSet(...write: Parameters<typeof memory.compareAndSet>) {
      seen.push(endsIn(store))
      return memory.compareAndSet(...write)
    },
    async deleteByUser(...about: Parameters<typeof memory.deleteByUser>) {
      seen.push(endsIn(store))
      return memory.deleteByUser(...about)
    },
  }
  const lines = createUserLines(store, () => {}, Date.now)
  await lines.end({ handle: 'handle', id: newSessionId(), version: 1 })
  await lines.endAll('ann')
  expect(seen).toEqual([1, 2])
})

test('is not noted by who only looks', async () => {
  const store = memoryStore()
  const users = createUserSessions(store)
  await users.list('ann')
  await users.revoke('ann', 'handle')
  await users.revokeOthers({ id: null, userId: 'ann' })
  expect(endsIn(store)).toBe(0)
  await users.revokeAll('ann')
  expect(endsIn(store)).toBe(1)
})
