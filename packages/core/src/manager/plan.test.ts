import { describe, expect, test } from 'vitest'
import type { SessionId } from '../crypto/token.ts'
import { createLifetime } from '../session/lifetime.ts'
import { loginChange } from '../session/authentication.ts'
import { createSessionState, type LiveRecord, type SessionState } from '../session/state.ts'
import { mayRenew, changesId, planOf, type Plan } from './plan.ts'

const minute = 60_000
const now = 1_000 * minute
const lifetime = createLifetime({ idle: '30m', absolute: '8h' })

/** A session that was last seen so many minutes ago. */
function found(ago: number, migrated = false): LiveRecord {
  const times = { createdAt: now - 60 * minute, authenticatedAt: null, seenAt: now - ago * minute }
  const values = { views: 1, cart: ['a'] }
  return {
    id: 'id' as SessionId,
    version: 1,
    migrated,
    record: { ...times, userId: null, auth: null, issuedAt: 0, previous: null, values },
  }
}

const set = (state: SessionState): void => state.working.set('views', 2)
const read = (state: SessionState): void => void state.working.get('cart')
const push = (state: SessionState): unknown => (state.working.get('cart') as string[]).push('b')
const login = (state: SessionState): void => {
  state.change = loginChange('ada', {}, state.now)
}
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

describe('once an id has had its time', () => {
  const hourly = createLifetime({ idle: '30m', absolute: '8h', renewEvery: '1h' })
  const issued = (issuedAt: number): LiveRecord => {
    const live = found(stale)
    return { ...live, record: { ...live.record, issuedAt } }
  }
  const due = now - 60 * minute

  test.each<[Plan, string, number, readonly Step[]]>([
    ['rotate', 'a visit', due, []],
    ['rotate', 'a change', due, [set]],
    ['login', 'a login', due, [login]],
    ['rotate', 'a rotation', due, [rotate]],
    ['touch', 'a visit a moment too early', due + 1, []],
  ])('%s: %s', (plan, _, issuedAt, steps) => {
    const state = createSessionState(issued(issuedAt), now)
    for (const step of steps) step(state)
    expect(planOf(state, hourly, true)).toBe(plan)
  })

  test('who comes with an id that was rotated away gets no further one', () => {
    expect(planOf(createSessionState(issued(due), now, true), hourly, true)).toBe('touch')
  })

  test('nothing is renewed where that does not suit, where it was not asked for, and where there is no session', () => {
    const state = createSessionState(issued(due), now)
    expect(planOf(state, hourly, false)).toBe('touch')
    expect(planOf(state, hourly)).toBe('touch')
    expect(planOf(state, lifetime, true)).toBe('touch')
    expect(planOf(createSessionState(null, now), hourly, true)).toBe('nothing')
  })
})

test.each([
  ...['document', 'empty', 'iframe', 'worker', 'report', 'imagery', null].map(
    (dest) => [dest, true] as const,
  ),
  ...['image', 'script', 'style', 'font', 'audio', 'video', 'track', 'manifest'].map(
    (dest) => [dest, false] as const,
  ),
])('the response to a request for Sec-Fetch-Dest: %s may bring a new id unasked: %s', (dest, suits) => {
  const headers = new Headers(dest === null ? {} : { 'sec-fetch-dest': dest })
  expect(mayRenew({ url: 'https://shop.test/', headers })).toBe(suits)
})

test('a plan that gives the client a new id is worthless without a cookie, the others are not', () => {
  const plans: Plan[] = ['create', 'login', 'rotate', 'update', 'touch', 'nothing']
  expect(plans.filter(changesId)).toEqual(['create', 'login', 'rotate'])
})
