import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { newerSecret, openCloakroom, secret } from '../../../../test/support/cloakroom.ts'
import { mistakes, play, rejections, scenes } from '../../../../test/support/scenes.ts'

/** All that `console.log` and a crash report could show, and more. */
function shown(...things: unknown[]): string {
  const options = { depth: Infinity, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity }
  return things.map((thing) => inspect(thing) + inspect(thing, options)).join('\n')
}

test.for(Object.entries({ ...scenes, ...rejections, ...mistakes }))(
  'ASVS-3.3.4 util.inspect shows no token, proof or secret, and no data: %s',
  async ([, scene]) => {
    const { errors, events, rooms, sessions, tokens } = await play(scene)
    const managers = rooms.map((room) => room.sessions)
    const text = shown(...sessions, ...managers, ...errors, ...events)
    const proofs = [...tokens].flatMap((token) => token.split('.').slice(1)).filter((proof) => proof !== '')
    for (const hidden of [...tokens, ...proofs, secret, newerSecret]) expect(text).not.toContain(hidden)
    expect(shown(...sessions)).not.toContain('views')
  },
)

test('ASVS-3.3.4 util.inspect shows no token of the headers that a commit gives', async () => {
  const room = openCloakroom()
  const browser = await room.welcome()
  const session = await room.load(browser)
  session.rotate()
  const headers = await room.sessions.commit(session)
  const response = new Headers()
  headers.applyTo(response)
  const [, proof = ''] = /=[^.]+\.([\w-]+)/.exec(response.getSetCookie()[0] ?? '') ?? []
  expect(proof).toHaveLength(43)
  expect(shown(headers, session, room.sessions)).not.toContain(proof)
})
