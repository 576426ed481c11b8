import type {
  Explanation,
  ForeignReader,
  RejectionReason,
  Session,
  SessionEvent,
  SessionManagerOptions,
} from '@coatcheck/core'
import { createCookieSessionManager, revocationStore, type Revocation } from '@coatcheck/core/cookie-session'
import { createCsrf } from '@coatcheck/core/csrf'
import { createUserSessions } from '@coatcheck/core/user-sessions'
import { Browser } from './browser.ts'
import { hour, minute, newerSecret, openCloakroom, secret, type Cloakroom, type Goods } from './cloakroom.ts'

/** Everything that a scene brought forth, for those who look for what should not be there. */
export interface Scene {
  readonly rooms: readonly Cloakroom<Goods>[]
  /** The events of all rooms. */
  readonly events: readonly SessionEvent[]
  /** Every cookie value that a browser has held. */
  readonly tokens: ReadonlySet<string>
  readonly errors: readonly unknown[]
  /** `JSON.stringify` of every session that took part. */
  readonly texts: readonly string[]
  readonly sessions: readonly object[]
  /** How each request was explained before it was answered. */
  readonly explanations: readonly Explanation[]
}

type Play = (stage: Stage) => Promise<unknown>

/** What scenes are made of. */
interface Stage {
  readonly room: Cloakroom<Goods>
  open(options: Partial<SessionManagerOptions<Goods>>): Cloakroom<Goods>
  visit: Cloakroom<Goods>['visit']
  commit: Cloakroom<Goods>['commit']
  welcome(): Promise<Browser>
  /** Sealed sessions beside those of the room, with its store, clock and events. */
  seal(): SealedRoom
}

interface SealedRoom {
  readonly revocation: Revocation
  visit(browser: Browser, handler: (session: Session<Goods>) => void): Promise<void>
}

/** A library whose cookie says what it keeps. */
const foreignReader: ForeignReader<Goods> = {
  library: 'old',
  async read(header) {
    const credential = /(?:^|; )old=(\w+)/.exec(header)?.[1]
    if (credential === undefined) return null
    const times = { createdAt: null, expiresAt: null }
    const removeCookies = ['old=; Path=/; Max-Age=0']
    return { data: { views: 7 }, userId: 'ann', ...times, credential, removeCookies }
  },
}

/** One scene for each type of event that leads to it. */
export const scenes: Readonly<Record<SessionEvent['type'], Play>> = {
  rejected: ({ visit }) => visit(new Browser('https://shop.test', [['__Host-Http-sid', 'stale']]), () => {}),
  created: ({ visit }) => visit(new Browser(), (session) => session.set('views', 1)),
  async updated({ visit, welcome }) {
    await visit(await welcome(), (session) => session.set('views', 2))
  },
  async touched({ room, visit, welcome }) {
    const browser = await welcome()
    room.wait(12 * hour)
    await visit(browser, () => {})
  },
  login: ({ visit }) => visit(new Browser(), (session) => session.login('ann')),
  async 'step-up'({ visit, welcome }) {
    await visit(await welcome(), (session) => session.stepUp({ amr: ['otp'], aal: 2 }))
  },
  async 'act-as'({ visit, welcome }) {
    await visit(await welcome(), (session) => session.actAs('bob'))
  },
  async 'stop-acting'({ visit, welcome }) {
    const browser = await welcome()
    await visit(browser, (session) => session.actAs('bob'))
    await visit(browser, (session) => session.stopActing())
  },
  async rotated({ visit, welcome }) {
    await visit(await welcome(), (session) => session.rotate())
  },
  async renewed({ open, room, visit, welcome }) {
    const browser = await welcome()
    room.wait(2 * hour)
    await open({ lifetime: { renewEvery: '1h' } }).visit(browser, () => {})
    await visit(browser, () => {})
  },
  async revoked({ room, visit, welcome }) {
    const browser = await welcome()
    const onEvent = (event: SessionEvent): void => void room.events.push(event)
    await createUserSessions(room.memory, { now: room.now, onEvent }).revokeAll('ann')
    await visit(browser, () => {})
  },
  async 'user-revoked'({ seal }) {
    const { revocation, visit } = seal()
    const browser = new Browser()
    await visit(browser, (session) => session.login('ann'))
    await revocation.revokeUser('ann')
    await visit(browser, () => {})
  },
  async imported({ open }) {
    const browser = new Browser('https://shop.test', [['old', 'sessionOfAnn']])
    const room = open({ unsealForeign: [foreignReader] })
    await room.visit(browser, (session) => session.set('views', 8))
    await room.visit(browser, () => {})
  },
  async destroyed({ visit, welcome }) {
    await visit(await welcome(), (session) => session.destroy())
  },
  async reused({ room, visit, welcome }) {
    const browser = await welcome()
    const old = browser.copy()
    await visit(browser, (session) => session.rotate())
    room.wait(hour)
    await visit(old, () => {})
  },
  async gone({ room, visit, commit, welcome }) {
    const browser = await welcome()
    const slow = await room.load(browser)
    slow.set('views', 2)
    await visit(browser.copy(), (session) => session.destroy())
    await commit(browser, slow)
  },
  async conflict({ room, visit, commit, welcome }) {
    const browser = await welcome()
    const slow = await room.load(browser)
    slow.set('views', 2)
    await visit(browser, (session) => session.set('cart', ['hat']))
    await commit(browser, slow)
  },
  async 'old-key'({ open, visit, welcome }) {
    const browser = await welcome()
    await open({ secrets: [newerSecret, secret] }).visit(browser, () => {})
    await visit(browser, () => {})
  },
  insecure: ({ visit }) => visit(new Browser('http://shop.test'), (session) => session.set('views', 1)),
  async withheld({ room, commit }) {
    const browser = new Browser()
    const session = await room.load(browser)
    session.set('views', 1)
    await commit(browser, session, { status: 304 })
  },
  async 'store-failure'({ room, visit, welcome }) {
    const browser = await welcome()
    room.store.failWhen(() => 'fails')
    await visit(browser, () => {})
  },
  async 'key-provider-failure'({ open }) {
    let isSealed = true
    const vault = (): Promise<readonly [string]> =>
      isSealed ? Promise.reject(new Error('The vault is sealed.')) : Promise.resolve([secret])
    try {
      await open({ secrets: vault }).visit(new Browser(), (session) => session.set('views', 1))
    } finally {
      isSealed = false
    }
  },
  async 'csrf-denied'({ room }) {
    const headers = { 'sec-fetch-site': 'cross-site' }
    const request = new Request('https://shop.test/', { method: 'POST', headers })
    const csrf = createCsrf({ onEvent: (event) => room.events.push(event) })
    await csrf.check(request, await room.load(new Browser()))
  },
  async 'last-write-wins'({ room, open }) {
    const { get, set, delete: remove } = room.memory
    open({ store: { get, set, delete: remove } })
  },
}

/** One scene for each reason of a rejection. */
export const rejections: Readonly<Record<RejectionReason, Play>> = {
  malformed: scenes.rejected,
  async forged({ open, welcome }) {
    const browser = await welcome()
    await open({ secrets: [newerSecret] }).visit(browser, () => {})
  },
  async ambiguous({ visit, welcome }) {
    const cookie = [await welcome(), await welcome()].map((browser) => browser.cookie).join('; ')
    await visit(new Browser(), () => {}, new Request('https://shop.test/', { headers: { cookie } }))
  },
  async oversized({ visit, welcome }) {
    const cookie = `${(await welcome()).cookie}; pad=${'x'.repeat(20_000)}`
    await visit(new Browser(), () => {}, new Request('https://shop.test/', { headers: { cookie } }))
  },
  async unknown({ room, visit, welcome }) {
    const browser = await welcome()
    await room.memory.deleteByUser('ann')
    await visit(browser, () => {})
  },
  async expired({ room, open, welcome }) {
    const browser = await welcome()
    room.wait(hour)
    await open({ lifetime: { idle: '30m', absolute: '1h' } }).visit(browser, () => {})
  },
  async superseded({ visit, welcome }) {
    const browser = await welcome()
    await visit(browser.copy(), (session) => session.login('ann'))
    await visit(browser, () => {})
  },
  reused: scenes.reused,
  async schema({ open, welcome }) {
    const browser = await welcome()
    const issues = [{ message: 'No.' }]
    const schema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) } } as const
    await open({ schema }).visit(browser, () => {})
  },
  async unreadable({ room, visit, welcome }) {
    const browser = await welcome()
    const [[id, record] = []] = await room.store.dump()
    await room.memory.set(id!, { ...record!, payload: 'not JSON' })
    await visit(browser, () => {})
  },
  revoked: scenes['user-revoked'],
  async replayed({ room, seal }) {
    const { visit } = seal()
    const browser = new Browser()
    await visit(browser, (session) => session.login('ann'))
    const old = browser.copy()
    await visit(browser, (session) => session.set('views', 2))
    room.wait(hour)
    await visit(old, () => {})
  },
}

/** What goes wrong by a mistake of the application. */
export const mistakes: Readonly<Record<string, Play>> = {
  async 'a session that is changed too late'({ room, commit, welcome }) {
    const browser = await welcome()
    const session = await room.load(browser)
    await commit(browser, session)
    session.set('views', 2)
  },
  async 'a value that JSON cannot keep'({ visit, welcome }) {
    await visit(await welcome(), (session) => session.set('views', Number.NaN))
  },
  async 'a session of another manager'({ open, room, welcome }) {
    const session = await room.load(await welcome())
    await open({}).sessions.commit(session)
  },
  async 'a store whose comparison never holds'({ open, room, visit, welcome }) {
    const browser = await welcome()
    const broken = { ...room.memory, compareAndSet: async () => false }
    await visit(browser, () => {})
    await open({ store: broken }).visit(browser, (session) => session.set('views', 2))
  },
  'a secret that is too weak': async ({ open }) => open({ secrets: [secret.slice(0, 31)] }),
}

/** Plays a scene and keeps everything that came out of it. */
export async function play(scene: Play): Promise<Scene> {
  const tokens = new Set<string>()
  const errors: unknown[] = []
  const texts: string[] = []
  const sessions: object[] = []
  const explanations: Explanation[] = []
  const rooms: Cloakroom<Goods>[] = []

  function watch(room: Cloakroom<Goods>): Cloakroom<Goods> {
    const keep = (browser: Browser): void => {
      if (browser.cookie !== null) tokens.add(browser.value())
    }
    const watched: Cloakroom<Goods> = {
      ...room,
      reopen: room.reopen,
      visit: async (browser, handler, request) => {
        keep(browser)
        const explanation = await room.sessions.explain(request ?? browser.request())
        explanations.push(explanation)
        texts.push(JSON.stringify(explanation))
        const visit = await room.visit(
          browser,
          async (session) => {
            sessions.push(session)
            texts.push(JSON.stringify(session))
            const value = await handler(session)
            texts.push(JSON.stringify(session))
            return value
          },
          request,
        )
        keep(browser)
        return visit
      },
      commit: async (browser, session, about) => {
        sessions.push(session)
        const visit = await room.commit(browser, session, about)
        texts.push(JSON.stringify(session))
        keep(browser)
        return visit
      },
    }
    rooms.push(watched)
    return watched
  }

  const room = watch(openCloakroom())
  const stage: Stage = {
    room,
    visit: room.visit,
    commit: room.commit,
    open: (options) => watch(room.reopen<Goods>(options)),
    seal() {
      const onEvent = (event: SessionEvent): void => void room.events.push(event)
      const { memory, now } = room
      const revocation = revocationStore(memory, { now, onEvent })
      const options = { secrets: [secret], now, onEvent, revocation, strict: true } as const
      const sealed = createCookieSessionManager<Goods>(options)
      return {
        revocation,
        async visit(browser, handler) {
          const explanation = await sealed.explain(browser.request())
          explanations.push(explanation)
          texts.push(JSON.stringify(explanation))
          const response = await sealed.handle(browser.request(), (session) => {
            sessions.push(session)
            handler(session)
            texts.push(JSON.stringify(session))
            return new Response('Welcome')
          })
          browser.receive(response)
          if (browser.cookie !== null) tokens.add(browser.value())
        },
      }
    },
    async welcome() {
      const browser = new Browser()
      await room.visit(browser, (session) => {
        session.set('views', 1)
        session.login('ann')
      })
      return browser
    },
  }
  try {
    await scene(stage)
    room.wait(minute)
  } catch (error) {
    errors.push(error)
  }
  return {
    rooms,
    tokens,
    errors,
    texts,
    sessions,
    explanations,
    events: rooms.flatMap(({ events }) => events),
  }
}
