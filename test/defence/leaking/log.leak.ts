import { test } from 'vitest'
import { openCloakroom } from '../../support/cloakroom.ts'

test('keeps everything to itself', async () => {
  const room = openCloakroom()
  await room.visit(await room.welcome(), (session) => session.set('views', 1))
})

test('prints a token', async () => {
  const browser = await openCloakroom().welcome()
  console.log(`Somebody came with ${browser.value()}.`)
})
