import type { Session } from '@coatcheck/core'
import { minute, newerSecret, secret, type Goods } from '../support/cloakroom.ts'
import type { FaultStage, Operation } from '../support/fault-stage.ts'
import { testFaults } from '../support/fault-tests.ts'

const lifetime = { idle: '30m', absolute: '12h' } as const

function anonymous(session: Session<Goods>): void {
  session.set('theme', 'dark')
}

function signedIn(session: Session<Goods>): void {
  session.set('theme', 'dark')
  session.login('ann', { amr: ['pwd'], aal: 1 })
}

/** One request of the visitor. */
function request(handler: (session: Session<Goods>) => unknown): Operation['act'] {
  return ({ room, visitor }) => room.visit(visitor, (session) => void handler(session))
}

/** The bystander has the newer id, and the visitor comes with the one before. */
async function rotatedElsewhere({ bystander, well }: FaultStage): Promise<void> {
  await well.visit(bystander, (session) => session.rotate())
}

const operations: Readonly<Record<string, Operation>> = {
  'a first value': { act: request((session) => session.set('views', 1)) },
  'a login of a new visitor': { act: request((session) => session.login('ann')) },
  'a read': { brings: signedIn, act: request((session) => session.get('theme')) },
  'an update': { brings: signedIn, act: request((session) => session.set('views', 2)) },
  'a record of the visit': {
    brings: signedIn,
    options: { lifetime },
    prepare: ({ room }) => room.wait(20 * minute),
    act: request(() => {}),
  },
  'a login over an anonymous session': { brings: anonymous, act: request((session) => session.login('ann')) },
  'a login over the same user': {
    brings: signedIn,
    act: request((session) => session.login('ann', { aal: 2 })),
  },
  'a login over another user': { brings: signedIn, act: request((session) => session.login('bob')) },
  'a login with facts of an identity provider': {
    brings: anonymous,
    act: request((session) => session.login('ann', { idp: { iss: 'https://idp.test', sid: '1' } })),
  },
  'a step-up': { brings: signedIn, act: request((session) => session.stepUp({ amr: ['otp'], aal: 2 })) },
  'acting as another': { brings: signedIn, act: request((session) => session.actAs('bob')) },
  'acting no longer': {
    brings(session) {
      signedIn(session)
      session.actAs('bob')
    },
    act: request((session) => session.stopActing()),
  },
  'a rotation': { brings: signedIn, act: request((session) => session.rotate()) },
  'a rotation with a change': {
    brings: signedIn,
    act: request((session) => {
      session.rotate()
      session.set('views', 2)
    }),
  },
  'a logout': { brings: signedIn, act: request((session) => session.destroy()) },
  'a login after a logout, in one request': {
    brings: signedIn,
    act: request((session) => {
      session.destroy()
      session.login('bob')
    }),
  },
  'a read in the grace window': {
    brings: signedIn,
    prepare: rotatedElsewhere,
    act: request((session) => session.get('theme')),
  },
  'a change in the grace window': {
    brings: signedIn,
    prepare: rotatedElsewhere,
    act: request((session) => session.set('views', 2)),
  },
  'a login in the grace window': {
    brings: anonymous,
    prepare: rotatedElsewhere,
    act: request((session) => session.login('ann')),
  },
  'a logout in the grace window': {
    brings: signedIn,
    prepare: rotatedElsewhere,
    act: request((session) => session.destroy()),
  },
  'the alarm of a rotated id that comes back': {
    brings: signedIn,
    async prepare(stage) {
      await rotatedElsewhere(stage)
      stage.room.wait(2 * minute)
    },
    act: request(() => {}),
  },
  'a cookie of an older secret': {
    brings: signedIn,
    act: ({ room, store, visitor }) =>
      room.reopen<Goods>({ secrets: [newerSecret, secret], store }).visit(visitor, () => {}),
  },
  'a change that comes too late for the first': {
    brings: signedIn,
    act: ({ bystander, room, visitor, well }) =>
      room.visit(visitor, async (session) => {
        session.update('views', (views = 0) => views + 1)
        await well.visit(bystander, (other) => other.set('cart', ['hat']))
      }),
    between: /^ann, aal 1, actor null, cart=\["hat"\], theme="dark"$/,
    // It adds one, and may have done so before the error.
    again: /, views=2$/,
  },
  'a login that meets a rotation': {
    brings: anonymous,
    act: ({ bystander, room, visitor, well }) =>
      room.visit(visitor, async (session) => {
        session.login('ann')
        await well.visit(bystander, (other) => other.rotate())
      }),
    again: /^ann, /,
  },
  'a login that meets a logout': {
    brings: anonymous,
    act: ({ bystander, room, visitor, well }) =>
      room.visit(visitor, async (session) => {
        session.login('ann')
        await well.visit(bystander, (other) => other.destroy())
      }),
  },
}

for (const [name, operation] of Object.entries(operations)) testFaults(name, operation)
