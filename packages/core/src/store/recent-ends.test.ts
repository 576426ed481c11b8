import { expect, test } from 'vitest'
import { createUserLines } from '../backend/user-lines.ts'
import { memoryStore } from '../memory-store.ts'
import { newSessionId } from '../crypto/token.ts'
import { createUserSessions } from '../user-sessions.ts'
import { noteEnds, recentEnds } from './recent-ends.ts'

test('the count grows with each note', () => {
  const before = recentEnds()
  noteEnds()
  noteEnds()
  expect(recentEnds()).toBe(before + 2)
})

test('is noted before the session is ended, so that no request can see the end and not the note', async () => {
  const memory = memoryStore()
  const before = recentEnds()
  const seen: number[] = []
  const store = {
    ...memory,
    async compareAndSet(...write: Parameters<typeof memory.compareAndSet>) {
      seen.push(recentEnds() - before)
      return memory.compareAndSet(...write)
    },
    async deleteByUser(...about: Parameters<typeof memory.deleteByUser>) {
      seen.push(recentEnds() - before)
      return memory.deleteByUser(...about)
    },
  }
  const lines = createUserLines(store, () => {}, Date.now)
  await lines.end({ handle: 'handle', id: newSessionId(), version: 1 })
  await lines.endAll('ann')
  expect(seen).toEqual([1, 2])
})

test('is not noted by who only looks', async () => {
  const users = createUserSessions(memoryStore())
  const before = recentEnds()
  await users.list('ann')
  await users.revoke('ann', 'handle')
  await users.revokeOthers({ id: null, userId: 'ann' })
  expect(recentEnds()).toBe(before)
  await users.revokeAll('ann')
  expect(recentEnds()).toBe(before + 1)
})
