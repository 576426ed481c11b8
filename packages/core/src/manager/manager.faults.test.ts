import { describe, expect, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import {
  idOf,
  minute,
  openCloakroom,
  type Cloakroom,
  type Goods,
} from '../../../../test/support/cloakroom.ts'
import { storeFault, type CountingStore, type Fault } from '../../../../test/support/counting-store.ts'
import type { Session, SessionId, Store } from '../index.ts'

/** Who takes part: a visitor, and another window of his with the same cookie whose requests never fail. */
interface Stage {
  readonly room: Cloakroom<Goods>
  readonly browser: Browser
  /** The id that the cookie names before the act. */
  readonly before: SessionId | null
  readonly other: Browser
  /** A request of the other window, by a server whose store is well. */
  inOtherWindow(act: (session: Session<Goods>) => void): Promise<unknown>
}

/** One thing that a request can do to the store. */
interface Act {
  readonly name: string
  /** The visitor comes with this, or as a new one. */
  readonly brings?: (session: Session<Goods>) => void
  /** What happens between that and the act. */
  readonly meanwhile?: (stage: Stage) => unknown
  readonly act: (session: Session<Goods>, stage: Stage) => unknown
  /** What happens after it. */
  readonly done?: (stage: Stage) => unknown
  /** What the session shows when the act was done completely; null when there must be none. */
  readonly shows: string | null
  /** Whether the visitor has another id afterwards. */
  readonly moves?: true
}

const lifetime = { idle: '30m', absolute: '12h' } as const

function anonymous(session: Session<Goods>): void {
  session.set('theme', 'dark')
}

function signedIn(session: Session<Goods>): void {
  session.set('theme', 'dark')
  session.login('ann')
}

const acts: readonly Act[] = [
  { name: 'create', act: (session) => session.set('views', 1), shows: 'nobody views' },
  { name: 'create by login', act: (session) => session.login('ann'), shows: 'ann' },
  { name: 'update', brings: signedIn, act: (session) => session.set('views', 2), shows: 'ann theme views' },
  {
    name: 'touch',
    brings: signedIn,
    meanwhile: ({ room }) => room.wait(20 * minute),
    act: () => {},
    // Were the first visit not recorded, this would be too late.
    done: ({ room }) => room.wait(20 * minute),
    shows: 'ann theme',
  },
  { name: 'rotate', brings: signedIn, act: (session) => session.rotate(), shows: 'ann theme', moves: true },
  {
    name: 'rotate and update',
    brings: signedIn,
    act(session) {
      session.rotate()
      session.set('views', 2)
    },
    shows: 'ann theme views',
    moves: true,
  },
  {
    name: 'login',
    brings: anonymous,
    act: (session) => session.login('ann'),
    shows: 'ann theme',
    moves: true,
  },
  {
    name: 'login of another user',
    brings: signedIn,
    act: (session) => session.login('bob'),
    shows: 'bob',
    moves: true,
  },
  { name: 'destroy', brings: signedIn, act: (session) => session.destroy(), shows: null },
  {
    name: 'destroy and begin anew',
    brings: signedIn,
    act(session) {
      session.destroy()
      session.set('notice', 'Goodbye.')
    },
    shows: 'nobody notice',
    moves: true,
  },
  {
    name: 'update with a replaced id',
    brings: signedIn,
    meanwhile: ({ inOtherWindow }) => inOtherWindow((session) => session.rotate()),
    act: (session) => session.set('views', 2),
    shows: 'ann theme views',
  },
  ...(['update', 'rotate', 'login'] as const).map((method): Act => ({
    name: `${method} after a lost race with an update`,
    brings: method === 'login' ? anonymous : signedIn,
    async act(session, { inOtherWindow }) {
      if (method === 'update') session.update('views', () => 2)
      else session[method]('ann')
      await inOtherWindow((other) => other.update('cart', (cart = []) => [...cart, 'hat']))
    },
    shows: method === 'update' ? 'ann cart theme views' : 'ann cart theme',
    ...(method === 'update' ? {} : { moves: true }),
  })),
  {
    name: 'destroy after a lost race with a rotation',
    brings: signedIn,
    async act(session, { inOtherWindow }) {
      session.destroy()
      await inOtherWindow((other) => other.rotate())
    },
    shows: null,
  },
  {
    name: 'rotate after a lost race with a rotation',
    brings: signedIn,
    async act(session, { inOtherWindow }) {
      session.rotate()
      await inOtherWindow((other) => other.rotate())
    },
    shows: 'ann theme',
    // Tried again, the visitor comes with an id that the other rotation has replaced, and keeps it.
  },
  {
    name: 'login after a lost race with a login',
    brings: anonymous,
    async act(session, { inOtherWindow }) {
      session.login('ann')
      await inOtherWindow((other) => other.login('ann'))
    },
    // Tried again, the visitor comes with an id that the other login has ended, and brings nothing.
    shows: 'ann( theme)?',
    moves: true,
  },
  {
    name: 'login after the session was ended',
    brings: anonymous,
    async act(session, { inOtherWindow }) {
      session.login('ann')
      session.set('views', 1)
      await inOtherWindow((other) => other.destroy())
    },
    shows: 'ann views',
    moves: true,
  },
]

const kinds: { kind: string; of: (store: CountingStore) => Store; acts: readonly Act[] }[] = [
  { kind: 'an atomic store', of: (store) => store, acts },
  {
    kind: 'a store that only gets, sets and deletes',
    of: ({ get, set, delete: remove }) => ({ get, set, delete: remove }),
    // There, the last write wins a race.
    acts: acts.filter(({ name }) => !name.includes('lost race') && !name.includes('was ended')),
  },
]

const faults: readonly Fault[] = ['fails', 'does it, but reports failure']

async function setTheStage({ brings, meanwhile }: Act, of: (store: CountingStore) => Store): Promise<Stage> {
  const open = openCloakroom({ lifetime })
  const room = open.reopen({ lifetime, store: of(open.store) })
  const well = open.reopen({ lifetime, store: of(open.store) === open.store ? open.memory : of(open.store) })
  const browser = brings === undefined ? new Browser() : await room.welcome(brings)
  const other = browser.copy()
  const before = browser.cookie === null ? null : idOf(browser)
  const stage: Stage = { room, browser, before, other, inOtherWindow: (act) => well.visit(other, act) }
  await meanwhile?.(stage)
  room.events.length = 0
  return stage
}

/** Acts with a fault; tells whether the request came through. */
async function perform({ act }: Act, stage: Stage, faultAt: (index: number) => Fault): Promise<boolean> {
  const { browser, room } = stage
  room.store.failWhen((_, index) => faultAt(index))
  try {
    await room.visit(browser, (session) => act(session, stage))
    return true
  } catch (error) {
    expect(error).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_STORE', cause: storeFault })
    return false
  } finally {
    room.store.heal()
  }
}

/** How many store calls an act makes when all goes well. */
async function callsOf(act: Act, of: (store: CountingStore) => Store): Promise<number> {
  const stage = await setTheStage(act, of)
  let calls = 0
  await perform(act, stage, (index) => {
    calls = index + 1
    return 'none'
  })
  return calls
}

async function expectDone({ done, moves, shows }: Act, stage: Stage): Promise<void> {
  const { before, browser, room } = stage
  done?.(stage)
  if (shows === null) {
    expect(browser.cookie).toBeNull()
    expect(await room.store.liveIds()).toEqual([])
    return
  }
  const { value } = await room.visit(browser, (session) =>
    [session.userId ?? 'nobody', ...session.keys().toSorted()].join(' '),
  )
  expect(value).toMatch(new RegExp(`^${shows}$`))
  if (moves) expect(idOf(browser)).not.toBe(before)
}

/** The sessions that neither window has a cookie for. */
async function orphans({ browser, other, room }: Stage): Promise<SessionId[]> {
  const owned = await Promise.all([browser, other].map(async (window) => (await room.load(window)).id))
  return (await room.store.liveIds()).filter((id) => !owned.includes(id))
}

describe.for(kinds)('on $kind', ({ acts: possible, of }) => {
  describe.for(possible)('$name', (act) => {
    test.for(faults)(
      'ASVS-16.5.3 is done completely or ends in an error, and can be tried again: one call %s',
      async (fault) => {
        const calls = await callsOf(act, of)
        expect(calls).toBeGreaterThan(0)
        for (let faulty = 0; faulty < calls; faulty++) {
          const stage = await setTheStage(act, of)
          const came = await perform(act, stage, (index) => (index === faulty ? fault : 'none'))
          expect(stage.room.events.filter(({ type }) => type === 'store-failure')).toEqual([
            { type: 'store-failure', operation: expect.any(String), error: storeFault },
          ])
          if (!came) await perform(act, stage, () => 'none')
          await expectDone(act, stage)
        }
      },
    )

    test.for(faults)('leaves no session behind that nobody has a cookie for: one call %s', async (fault) => {
      const calls = await callsOf(act, of)
      for (let faulty = 0; faulty < calls; faulty++) {
        const stage = await setTheStage(act, of)
        await perform(act, stage, (index) => (index === faulty ? fault : 'none'))
        expect(await orphans(stage), `after call ${faulty}`).toEqual([])
      }
    })

    // What was written before the store went away cannot be taken back while it is away. Nobody has been given
    // the id, so all that is left of it is a record until its idle limit.
    test('ASVS-16.5.3 ends in an error while the store is away, and what is left behind expires', async () => {
      const calls = await callsOf(act, of)
      for (let faulty = 0; faulty < calls; faulty++) {
        const stage = await setTheStage(act, of)
        const { browser, room } = stage
        const { cookie } = browser
        expect(await perform(act, stage, (index) => (index >= faulty ? 'fails' : 'none'))).toBe(false)
        expect(browser.cookie).toBe(cookie)
        expect((await orphans(stage)).length).toBeLessThanOrEqual(1)
        room.wait(31 * minute)
        expect(await room.store.liveIds()).toEqual([])
      }
    })
  })
})
