import { expect, test } from 'vitest'
import type { SessionId } from '../crypto/token.ts'
import { createLifetime } from '../session/lifetime.ts'
import { createSessionState, type LiveRecord, type SessionState } from '../session/session.ts'
import { needsCookie, planOf, type Plan } from './plan.ts'

const minute = 60_000
const now = 1_000 * minute
const lifetime = createLifetime({ idle: '30m', absolute: '8h' })

/** A session that was last seen so many minutes ago. */
function found(ago: number, migrated = false): LiveRecord {
  const times = { createdAt: now - 60 * minute, authenticatedAt: null, seenAt: now - ago * minute }
  const values = new Map<string, unknown>([
    ['views', 1],
    ['cart', ['a']],
  ])
  return { id: 'id' as SessionId, version: 1, migrated, record: { ...times, userId: null, values } }
}

const set = (state: SessionState): void => state.working.set('views', 2)
const read = (state: SessionState): void => void state.working.get('cart')
const push = (state: SessionState): unknown => (state.working.get('cart') as string[]).push('b')
const login = (state: SessionState): void => void (state.login = 'ada')
const rotate = (state: SessionState): void => void (state.rotate = true)

type Step = (state: SessionState) => unknown
const fresh = 1
const stale = 20

test.each<[Plan, string, LiveRecord | null, readonly Step[]]>([
  ['nothing', 'a visitor for whom there is nothing to keep', null, []],
  ['nothing', 'a visitor who has nothing to rotate', null, [rotate]],
  ['nothing', 'a visitor whose value was set and deleted', null, [set, (state) => state.working.clear()]],
  ['create', 'a visitor for whom there is something to keep', null, [set]],
  ['create', 'a visitor who logs in', null, [login]],
  ['create', 'a visitor who logs in and wants to be rotated', null, [login, rotate]],
  ['nothing', 'a session that was seen just now', found(fresh), []],
  ['nothing', 'a session whose values were read', found(fresh), [read]],
  ['touch', 'a session that was seen long ago', found(stale), []],
  ['touch', 'a session that was seen long ago and read', found(stale), [read]],
  ['update', 'a change', found(fresh), [set]],
  ['update', 'a change in place', found(fresh), [push]],
  ['update', 'a change in a session that was seen long ago', found(stale), [set]],
  ['update', 'data that were migrated', found(fresh, true), []],
  ['rotate', 'a rotation', found(fresh), [rotate]],
  ['rotate', 'a rotation and a change', found(stale), [rotate, set]],
  ['login', 'a login', found(fresh), [login]],
  ['login', 'a login, a rotation and a change', found(fresh, true), [login, rotate, set]],
])('%s: %s', (plan, _, origin, steps) => {
  const state = createSessionState(origin, now)
  for (const step of steps) step(state)
  expect(planOf(state, lifetime)).toBe(plan)
})

test.each<[Plan, readonly Step[]]>([
  ['nothing', [rotate]],
  ['update', [rotate, set]],
  ['login', [rotate, login]],
])('who comes with an id that was rotated away gets no further one: %s', (plan, steps) => {
  const state = createSessionState(found(fresh), now, true)
  for (const step of steps) step(state)
  expect(planOf(state, lifetime)).toBe(plan)
})

test('a plan that gives the client a new id is worthless without a cookie, the others are not', () => {
  const plans: Plan[] = ['create', 'login', 'rotate', 'update', 'touch', 'nothing']
  expect(plans.filter(needsCookie)).toEqual(['create', 'login', 'rotate'])
})
