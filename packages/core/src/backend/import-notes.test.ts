import { expect, test } from 'vitest'
import { newSessionId } from '../crypto/token.ts'
import { memoryStore } from '../memory-store.ts'
import { guardStore } from './guarded-store.ts'
import { longestImport } from './import-id.ts'
import { createImportNotes } from './import-notes.ts'

const noon = Date.UTC(2026, 10, 21, 12)

function openNotes() {
  const time = { now: noon }
  const memory = memoryStore({ now: () => time.now })
  const notes = createImportNotes(
    guardStore(memory, () => {}),
    () => time.now,
  )
  return { memory, notes, time }
}

test('what nobody has taken over is not noted', async () => {
  expect(await openNotes().notes.importedAt(newSessionId())).toBeNull()
})

test('the first of those who take a cookie over counts, and an end counts before all', async () => {
  const { notes } = openNotes()
  const id = newSessionId()
  await Promise.all([
    notes.noteImport(id, noon + 1),
    notes.noteImport(id, noon),
    notes.noteImport(id, noon + 2),
  ])
  expect(await notes.importedAt(id)).toBe(noon)
  await notes.noteImport(id, 0)
  await notes.noteImport(id, noon)
  expect(await notes.importedAt(id)).toBe(0)
})

test('a note is kept for as long as a browser keeps the cookie, whoever’s records are removed', async () => {
  const { memory, notes, time } = openNotes()
  const id = newSessionId()
  await notes.noteImport(id, noon)
  expect((await memory.get(id))?.userId).toBeNull()
  time.now += longestImport - 1
  expect(await notes.importedAt(id)).toBe(noon)
})

test.for(['', 'null', '{"format":2,"at":1}', '{"format":1,"at":"1"}'])(
  'a note that cannot be read (%s) ends the cookie',
  async (payload) => {
    const { memory, notes } = openNotes()
    const id = newSessionId()
    await memory.set(id, { payload, expiresAt: noon + 1000, userId: null, version: 1 })
    expect(await notes.importedAt(id)).toBe(0)
  },
)

test('a failing store rejects, and one whose comparison never holds ends the attempts', async () => {
  const store = { ...memoryStore(), compareAndSet: async () => false }
  const notes = createImportNotes(
    guardStore(store, () => {}),
    () => noon,
  )
  await expect(notes.noteImport(newSessionId(), noon)).rejects.toMatchObject({ code: 'ERR_SESSION_CONFLICT' })
})
