import { expect, test } from 'vitest'
import type { Browser } from './browser.ts'
import { cookieChanges, openCachedRoom } from './cached-room.ts'
import type { Cloakroom, Goods } from './cloakroom.ts'
import { visit, type Server } from './visits.ts'

/** A server with a route `/` that takes what a snapshot says, and `/fresh`, which does not; both tell the user. */
export type Mount = (room: Cloakroom<Goods>) => Server

async function open(mount: Mount) {
  const room = openCachedRoom()
  const server = mount(room)
  const browser = await room.welcome()
  const ask = async (from: Browser, path: string): Promise<unknown> => {
    room.store.takeCalls()
    const response = await visit(server, from, path)
    return [await response.text(), room.store.takeCalls(), cookieChanges(response)]
  }
  return { room, browser, ask }
}

/** That `fresh` goes past the snapshot, however an adapter is told so. */
export function testFresh(mounts: Readonly<Record<string, Mount>>): void {
  test.for(Object.entries(mounts))(
    'a route takes the snapshot, and one that is fresh asks the store and renews it: %s',
    async ([, mount]) => {
      const { ask, browser } = await open(mount)
      expect(await ask(browser, '/')).toEqual(['ann', [], []])
      expect(await ask(browser, '/fresh')).toEqual(['ann', ['get'], ['set sid-cache']])
      expect(await ask(browser, '/')).toEqual(['ann', [], []])
    },
  )

  test.for(Object.entries(mounts))(
    'a session that was ended elsewhere is refused at once where it is fresh, and then everywhere: %s',
    async ([, mount]) => {
      const { ask, browser, room } = await open(mount)
      await room.memory.deleteByUser('ann')
      expect(await ask(browser, '/')).toEqual(['ann', [], []])
      expect(await ask(browser, '/fresh')).toEqual(['nobody', ['get'], ['remove sid-cache']])
      expect(await ask(browser, '/')).toEqual(['nobody', ['get'], []])
    },
  )
}
