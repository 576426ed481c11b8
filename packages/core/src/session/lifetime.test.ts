import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import {
  createLifetime,
  deadlineOf,
  parseDuration,
  renewalIsDue,
  touchIsDue,
  type Duration,
  type LifetimeOptions,
} from './lifetime.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

test.each([
  ['1s', second],
  ['90s', 90 * second],
  ['30m', 30 * minute],
  ['12h', 12 * hour],
  ['7d', 7 * day],
  ['1.5h', 90 * minute],
  ['0.5s', 500],
  ['007d', 7 * day],
])('%s is %i milliseconds', (duration, milliseconds) => {
  expect(parseDuration(duration, 'x')).toBe(milliseconds)
})

const durationsLike = [
  '',
  '30',
  'm',
  '30 m',
  ' 30m',
  '30m\n',
  '30M',
  '30ms',
  '1w',
  '-5m',
  '+5m',
  '1e3s',
  '.5h',
  '5.h',
]
const endless = ['0s', '0.0d', 'Infinitys', 'NaNs', `${'9'.repeat(400)}d`]

test.each([...durationsLike, ...endless, 30, null, undefined])(
  '%j is no duration, and the message shows it',
  (duration) => {
    const parse = () => parseDuration(duration, 'lifetime.idle')
    expect(parse).toThrow(SessionError)
    expect(parse).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    expect(parse).toThrow('lifetime.idle')
    expect(parse).toThrow(String(duration))
  },
)

test('a session lasts 24 hours without a visit and 14 days in all, unless told otherwise', () => {
  const unnamed = { renewEvery: Infinity, nist: null }
  const limits = (idle: number, absolute: number) => ({ idle, absolute, recordEvery: idle / 10, ...unnamed })
  expect(createLifetime({})).toEqual(limits(24 * hour, 14 * day))
  expect(createLifetime({ idle: '15m', absolute: '12h' })).toEqual(limits(15 * minute, 12 * hour))
  expect(createLifetime({ idle: '12h', absolute: '12h' })).toEqual(limits(12 * hour, 12 * hour))
})

test.each<[LifetimeOptions, string]>([
  [{ idle: '2h', absolute: '1h' }, 'lifetime.idle'],
  [{ idle: 'soon' as Duration }, 'lifetime.idle'],
  [{ absolute: '' as Duration }, 'lifetime.absolute'],
  [{ renewEvery: 'often' as Duration }, 'lifetime.renewEvery'],
  [{ renewEvery: '14d' }, 'lifetime.renewEvery must be shorter than lifetime.absolute'],
  [{ nist: 4 as 3 }, 'lifetime.nist'],
  [{ nist: 'aal2' as unknown as 2 }, 'lifetime.nist'],
])('%j is refused', (options, message) => {
  expect(() => createLifetime(options)).toThrow(message)
})

test('an absolute limit alone is enough to shorten sessions', () => {
  // Who writes only `absolute: '12h'` has said nothing about the idle limit, and cannot shorten what is not there.
  expect(
    deadlineOf({ createdAt: 0, authenticatedAt: null, seenAt: 0 }, createLifetime({ absolute: '12h' })),
  ).toBe(12 * hour)
})

const lifetime = createLifetime({ idle: '30m', absolute: '8h' })

test.each([
  ['a new session', { createdAt: 0, authenticatedAt: null, seenAt: 0 }, 30 * minute],
  ['one that was visited', { createdAt: 0, authenticatedAt: null, seenAt: hour }, 90 * minute],
  ['one near its absolute limit', { createdAt: 0, authenticatedAt: null, seenAt: 7.75 * hour }, 8 * hour],
  [
    'one that began long before its login',
    { createdAt: 0, authenticatedAt: hour, seenAt: 8.75 * hour },
    9 * hour,
  ],
  [
    'one that logged in at the epoch',
    { createdAt: -hour, authenticatedAt: 0, seenAt: 7.75 * hour },
    8 * hour,
  ],
])('%s ends at the nearer of its limits', (_, times, deadline) => {
  expect(deadlineOf(times, lifetime)).toBe(deadline)
})

test.each([
  ['just now', 0, false],
  ['less than a tenth of the idle limit ago', 3 * minute - 1, false],
  ['a tenth of the idle limit ago', 3 * minute, true],
  ['long ago', 29 * minute, true],
  ['in the future of another host’s clock', -minute, false],
])('a visit is recorded when the last one was %s: %i ms, %s', (_, ago, due) => {
  const now = 4 * hour
  const times = { createdAt: 0, authenticatedAt: null, seenAt: now - ago }
  expect(touchIsDue(times, lifetime, now)).toBe(due)
})

test('a visit is not recorded when the absolute limit is nearer anyway', () => {
  const seenAt = 7.5 * hour
  const times = { createdAt: 0, authenticatedAt: null, seenAt }
  expect(deadlineOf(times, lifetime)).toBe(8 * hour)
  expect(touchIsDue(times, lifetime, seenAt + 20 * minute)).toBe(false)
})

test('an id is renewed when its time has come, and never unless that is asked for', () => {
  const hourly = createLifetime({ renewEvery: '1h' })
  expect(renewalIsDue(5, hourly, 5 + hour - 1)).toBe(false)
  expect(renewalIsDue(5, hourly, 5 + hour)).toBe(true)
  expect(renewalIsDue(5, hourly, 0)).toBe(false)
  expect(renewalIsDue(0, lifetime, 1000 * day)).toBe(false)
})

/** Pauses between the visits of one session. */
const pauses = fc.array(fc.integer({ min: 1, max: 40 * minute }), { minLength: 1, maxLength: 60 })

/** The visits that find the session alive, as core records them: a visit is only written when it is due. */
function live(pauses: readonly number[]): {
  readonly visits: readonly number[]
  readonly diedAt: number | null
} {
  const visits = [0]
  let times = { createdAt: 0, authenticatedAt: null, seenAt: 0 }
  let now = 0
  for (const pause of pauses) {
    now += pause
    if (deadlineOf(times, lifetime) <= now) return { visits, diedAt: now }
    visits.push(now)
    if (touchIsDue(times, lifetime, now)) times = { ...times, seenAt: now }
  }
  return { visits, diedAt: null }
}

test('however visits fall, none is served after the idle limit, and writing less often never adds to it', () => {
  fc.assert(
    fc.property(pauses, (pauses) => {
      const { visits } = live(pauses)
      for (const [at, visit] of visits.entries()) {
        if (at > 0) expect(visit - visits[at - 1]!).toBeLessThan(30 * minute)
      }
    }),
    { seed: 731, numRuns: 500 },
  )
})

test('a session never ends more than a tenth of its idle limit early', () => {
  fc.assert(
    fc.property(pauses, (pauses) => {
      const { visits, diedAt } = live(pauses)
      if (diedAt === null) return
      const idle = diedAt - visits.at(-1)!
      expect(idle >= 27 * minute || diedAt >= 8 * hour).toBe(true)
    }),
    { seed: 731, numRuns: 500 },
  )
})

test('visits each minute for one and a half times the absolute limit end at the limit', () => {
  const { visits, diedAt } = live(Array.from({ length: 12 * 60 }, () => minute))
  expect(visits.at(-1)).toBe(8 * hour - minute)
  expect(diedAt).toBe(8 * hour)
})
