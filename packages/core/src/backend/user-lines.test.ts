import { expect, test } from 'vitest'
import { openCloakroom } from '../../../../test/support/cloakroom.ts'
import { createUserLines } from './user-lines.ts'

test('a session that was rotated after it was listed is ended under its new id', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const lines = createUserLines(room.memory, () => {}, room.now)
  const [listed] = await lines.of('ann')
  await room.visit(browser, (session) => session.rotate())
  expect(await lines.end(listed!)).toBe(true)
  expect((await room.load(browser)).userId).toBeNull()
  expect(await lines.of('ann')).toEqual([])
})

test('a session that a login began in the place of the listed one is left alone', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const lines = createUserLines(room.memory, () => {}, room.now)
  const [listed] = await lines.of('ann')
  await room.visit(browser, (session) => session.login('ann'))
  expect(await lines.end(listed!)).toBe(false)
  expect((await room.load(browser)).userId).toBe('ann')
})
