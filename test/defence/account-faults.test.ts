import { expect } from 'vitest'
import { createUserSessions, type UserSessions } from '@coatcheck/core/user-sessions'
import { hour, minute } from '../support/cloakroom.ts'
import type { FaultStage, Operation } from '../support/fault-stage.ts'
import { testFaults } from '../support/fault-tests.ts'

const idp = { iss: 'https://idp.test', sid: '1' } as const

/** The bystander is another device of the visitor. */
async function onTwoDevices({ bystander, well }: FaultStage): Promise<void> {
  await well.visit(bystander, (session) =>
    session.login('ann', { label: 'Phone', idp: { ...idp, sid: '2' } }),
  )
}

/** A call of what works from outside of a request. */
function outside(
  call: (userSessions: UserSessions, stage: FaultStage) => Promise<unknown>,
): Operation['act'] {
  return (stage) => call(createUserSessions(stage.store, { now: stage.room.now }), stage)
}

const brings: NonNullable<Operation['brings']> = (session) => session.login('ann', { label: 'Desk', idp })

const operations: Readonly<Record<string, Operation>> = {
  'listing sessions': {
    brings,
    apart: true,
    prepare: onTwoDevices,
    act: outside((users) => users.list('ann')),
  },
  'revoking one session': {
    brings,
    apart: true,
    prepare: onTwoDevices,
    act: outside(async (users) => {
      const phone = (await users.list('ann')).find(({ label }) => label === 'Phone')
      if (phone !== undefined) await users.revoke('ann', phone.handle)
    }),
  },
  'revoking the other sessions': {
    brings,
    apart: true,
    prepare: onTwoDevices,
    act: outside(async (users, { visitor, well }) => users.revokeOthers(await well.load(visitor))),
  },
  'revoking all sessions': {
    brings,
    apart: true,
    prepare: onTwoDevices,
    act: outside((users) => users.revokeAll('ann')),
  },
  'a logout by the identity provider': {
    brings,
    apart: true,
    prepare: onTwoDevices,
    act: outside((users) => users.revokeByIdp(idp)),
  },
  'a login that ends the oldest session': {
    options: { maxSessions: { limit: 1, onLimit: 'evict-oldest' } },
    async prepare({ bystander, well }) {
      await well.visit(bystander, (session) => session.login('ann', { label: 'Phone' }))
    },
    act: ({ room, visitor }) => room.visit(visitor, (session) => session.login('ann')),
  },
  'a login that the limit refuses': {
    options: { maxSessions: { limit: 1, onLimit: 'reject' } },
    async prepare({ bystander, well }) {
      await well.visit(bystander, (session) => session.login('ann', { label: 'Phone' }))
    },
    async act({ room, visitor }) {
      const error = await room
        .visit(visitor, (session) => session.login('ann'))
        .catch((reason: unknown) => reason)
      if (error instanceof Error && 'code' in error && error.code === 'ERR_SESSION_STORE') throw error
      expect(error).toMatchObject({ name: 'SessionError' })
    },
  },
  'a renewal of the id': {
    brings,
    options: { lifetime: { renewEvery: '15m' } },
    prepare: ({ room }) => room.wait(hour + minute),
    act: ({ room, visitor }) => room.visit(visitor, (session) => void session.userId),
  },
}

for (const [name, operation] of Object.entries(operations)) testFaults(name, operation)
