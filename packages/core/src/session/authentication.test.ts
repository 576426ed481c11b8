import { describe, expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import {
  actAsChange,
  assertFresh,
  authAfter,
  authenticationAt,
  followedBy,
  loginChange,
  stepUpChange,
  StepUpError,
  stopActingChange,
  type Aal,
  type Authentication,
  type Freshness,
  type LoginFacts,
  type StepUpFacts,
  type StepUpReason,
} from './authentication.ts'

const minute = 60_000
const now = Date.UTC(2026, 10, 21)

/** What is known after a login and a step-up right after it. */
function elevated(login: LoginFacts, further: StepUpFacts) {
  const change = followedBy(loginChange('ann', login, now), stepUpChange('ann', further, now + 1))
  return change.apply(null)
}

describe('the facts of a login', () => {
  test('are kept as they were given', () => {
    const authTime = new Date(now - minute)
    const idp = { iss: 'https://idp.test', sid: 's1' }
    const client = { country: 'NO' }
    const facts = {
      amr: ['pwd', 'otp'],
      aal: 2,
      authTime,
      remember: true,
      label: 'Firefox',
      client,
      idp,
    } as const
    const change = loginChange('ann', facts, now)
    expect([change.kind, change.userId, change.at]).toEqual(['login', 'ann', now - minute])
    expect(authenticationAt(change.apply(null), change.at!, now)).toEqual(facts)
  })

  test('are unknown where nothing was said', () => {
    const change = loginChange('ann', {}, now)
    expect(authenticationAt(change.apply(null), change.at!, now)).toEqual({
      amr: [],
      aal: null,
      authTime: new Date(now),
      remember: null,
      label: null,
      client: {},
      idp: null,
    })
  })

  test.each<[string, object]>([
    ['amr', { amr: 'otp' }],
    ['amr', { amr: [1] }],
    ['amr', { amr: ['x'.repeat(1025)] }],
    ['amr', { amr: null }],
    ['aal', { aal: 0 }],
    ['aal', { aal: 4 }],
    ['aal', { aal: '2' }],
    ['authTime', { authTime: new Date('never') }],
    ['authTime', { authTime: now }],
    ['authTime', { authTime: '2026-11-21' }],
    ['authTime', { authTime: null }],
    ['remember', { remember: 'yes' }],
    ['remember', { remember: 1 }],
    ['label', { label: 5 }],
    ['label', { label: 'x'.repeat(1025) }],
    ['client', { client: { age: 5 } }],
    ['client', { client: { text: 'x'.repeat(1025) } }],
    ['client', { client: ['Firefox'] }],
    ['client', { client: null }],
    ['client', { client: 'Firefox' }],
    ['idp', { idp: { iss: 'https://idp.test' } }],
    ['idp', { idp: { iss: 1, sid: 's' } }],
    ['idp', { idp: 'https://idp.test' }],
  ])('%s is named by the error for %o', (fact, facts) => {
    const login = () => loginChange('ann', facts, now)
    expect(login).toThrow(SessionError)
    expect(login).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    expect(login).toThrow(fact)
  })

  test('NIST-5.1 name the session anew, so that nobody who knew it before knows it after', () => {
    const handles = new Set(Array.from({ length: 20 }, () => loginChange('ann', {}, now).apply(null).handle))
    expect(handles.size).toBe(20)
    const change = loginChange('ann', {}, now)
    expect(change.apply(null)).toEqual(change.apply(loginChange('ann', {}, now).apply(null)))
  })
})

describe('a step-up', () => {
  test.each<[string, object]>([
    ['amr', { amr: 'otp' }],
    ['aal', { aal: 5 }],
    ['stepUp.for', { for: '10' }],
    ['stepUp.for', { for: 600 }],
    ['stepUp.for', { for: '0s' }],
  ])('%s is named by the error for %o', (fact, facts) => {
    const stepUp = () => stepUpChange('ann', facts, now)
    expect(stepUp).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    expect(stepUp).toThrow(fact)
  })

  test.each<[string, StepUpFacts, number]>([
    ['ten minutes unless told otherwise', { aal: 2 }, 10 * minute],
    ['as long as it says', { aal: 2, for: '90s' }, 90_000],
  ])('ASVS-7.5.3 holds for %s, and then ends by itself', (_, facts, span) => {
    const auth = elevated({ amr: ['pwd'], aal: 1 }, { ...facts, amr: ['otp'] })
    const from = now + 1
    const at = (time: number): Partial<Authentication> => {
      const { aal, amr, authTime } = authenticationAt(auth, now, time)
      return { aal, amr, authTime }
    }
    const raised = { aal: 2, amr: ['pwd', 'otp'], authTime: new Date(from) }
    const fallen = { aal: 1, amr: ['pwd'], authTime: new Date(now) }
    expect(at(from)).toEqual(raised)
    expect(at(from + span - 1)).toEqual(raised)
    expect(at(from + span)).toEqual(fallen)
    expect(at(from + 10 * span)).toEqual(fallen)
  })

  test.each<[Aal | null, Aal | null, Aal | null]>([
    [null, null, null],
    [null, 2, 2],
    [1, null, 1],
    [1, 2, 2],
    [3, 1, 3],
    [2, 2, 2],
  ])('NIST-5.1-aal never lowers the level: %j and %j are %j', (aal, further, expected) => {
    const auth = elevated(aal === null ? {} : { aal }, further === null ? {} : { aal: further })
    expect(authenticationAt(auth, now, now + 2).aal).toBe(expected)
  })

  test('takes the place of an earlier one', () => {
    const first = elevated({ amr: ['pwd'] }, { amr: ['otp'], aal: 3 })
    const auth = stepUpChange('ann', { amr: ['hwk'], for: '1m' }, now + 5).apply(first)
    expect(authenticationAt(auth, now, now + 6)).toMatchObject({ amr: ['pwd', 'hwk'], aal: null })
  })

  test('names a method once', () => {
    const auth = elevated({ amr: ['pwd', 'otp'] }, { amr: ['otp'] })
    expect(authenticationAt(auth, now, now + 2).amr).toEqual(['pwd', 'otp'])
  })

  test('leaves everything else as it was', () => {
    const login = loginChange('ann', { label: 'Firefox', remember: true, client: { a: 'b' } }, now).apply(
      null,
    )
    const { elevation, ...rest } = stepUpChange('ann', { aal: 2 }, now).apply(login)
    expect(elevation).not.toBeNull()
    expect({ ...rest, elevation: null }).toEqual(login)
  })
})

describe('requireFresh', () => {
  const proven = { amr: ['pwd', 'otp'], aal: 2, authTime: new Date(now) } as const
  const known: Authentication = { ...proven, remember: null, label: null, client: {}, idp: null }
  const unleveled: Authentication = { ...known, aal: null }

  test.each<[Authentication | null, Freshness, number, StepUpReason | null]>([
    [null, {}, 0, 'unauthenticated'],
    [null, { maxAge: '1h', aal: 3 }, 0, 'unauthenticated'],
    [known, {}, 1e12, null],
    [known, { maxAge: '5m' }, 0, null],
    [known, { maxAge: '5m' }, 5 * minute, null],
    [known, { maxAge: '5m' }, 5 * minute + 1, 'stale'],
    [known, { amr: ['otp'] }, 0, null],
    [known, { amr: ['pwd', 'otp'] }, 0, null],
    [known, { amr: ['hwk'] }, 0, 'method'],
    [known, { amr: ['otp', 'hwk'] }, 0, 'method'],
    [known, { amr: [] }, 0, null],
    [known, { aal: 1 }, 0, null],
    [known, { aal: 2 }, 0, null],
    [known, { aal: 3 }, 0, 'level'],
    [unleveled, { aal: 2 }, 0, 'level'],
    [unleveled, {}, 0, null],
    [known, { maxAge: '1s', amr: ['hwk'], aal: 3 }, minute, 'stale'],
    [known, { maxAge: '1h', amr: ['hwk'], aal: 3 }, minute, 'method'],
    [known, { maxAge: '1h', amr: ['otp'], aal: 2 }, minute, null],
  ])('ASVS-7.5.1 %o is asked for %o, %i ms later: %s', (authentication, freshness, later, reason) => {
    const demand = () => assertFresh(authentication, freshness, now + later)
    if (reason === null) expect(demand).not.toThrow()
    else {
      expect(demand).toThrow(StepUpError)
      expect(demand).toThrow(expect.objectContaining({ code: 'ERR_SESSION_STEP_UP', reason, status: 401 }))
    }
  })

  test.each<[string, object]>([
    ['aal', { aal: Number.NaN }],
    ['aal', { aal: '2' }],
    ['amr', { amr: 'otp' }],
    ['requireFresh.maxAge', { maxAge: 300 }],
    ['requireFresh.maxAge', { maxAge: '5 minutes' }],
  ])('%s is named by the error for %o, signed in or not: nothing passes by mistake', (option, freshness) => {
    for (const authentication of [known, null]) {
      const demand = () => assertFresh(authentication, freshness, now)
      expect(demand).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
      expect(demand).toThrow(option)
    }
  })
})

describe('several changes of one request', () => {
  const login = loginChange('ann', { amr: ['pwd'], aal: 1 }, now)
  const further = stepUpChange('ann', { amr: ['otp'], aal: 2 }, now)

  test('a login and a step-up are one login with both proofs', () => {
    const both = followedBy(login, further)
    expect([both.kind, both.userId, both.at]).toEqual(['login', 'ann', now])
    expect(authenticationAt(both.apply(null), now, now + 1)).toMatchObject({ amr: ['pwd', 'otp'], aal: 2 })
  })

  test('a login undoes what came before it', () => {
    expect(followedBy(followedBy(login, further), login)).toBe(login)
    expect(followedBy(actAsChange('bob', 'ann'), login)).toBe(login)
  })

  test('who acts as another and stops is who they were', () => {
    const back = followedBy(actAsChange('bob', 'ann'), stopActingChange('ann'))
    expect([back.kind, back.userId, back.at]).toEqual(['stop-acting', 'ann', null])
    const before = login.apply(null)
    expect(back.apply(before)).toEqual(before)
  })

  test('acting keeps the handle, the proofs and the time', () => {
    const before = elevated({ amr: ['pwd'], aal: 1 }, { aal: 2 })
    const change = actAsChange('bob', 'ann')
    expect([change.userId, change.at]).toEqual(['bob', null])
    expect(change.apply(before)).toEqual({ ...before, actor: 'ann' })
  })

  test('without a change everything stays', () => {
    const auth = login.apply(null)
    expect(authAfter(null, auth)).toBe(auth)
    expect(authAfter(null, null)).toBeNull()
  })
})
