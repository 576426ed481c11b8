import { expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import { createLifetime, type LifetimeOptions } from './lifetime.ts'
import { nist } from './nist.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

// Written down a second time, from the clauses: 2.1.3, 2.2.3 and 2.3.3.
test.each([
  ['2.1.3', nist.aal1, { nist: 1, absolute: 30 * day, idle: 30 * day }],
  ['2.2.3', nist.aal2, { nist: 2, absolute: 24 * hour, idle: hour }],
  ['2.3.3', nist.aal3, { nist: 3, absolute: 12 * hour, idle: 15 * minute }],
])(
  'NIST-2.1.3 NIST-2.2.3 NIST-2.3.3 the preset has the limits of its clause, %s, and renews nothing unasked',
  (_, preset, limits) => {
    expect(createLifetime(preset)).toEqual({ ...limits, recordEvery: limits.idle / 10, renewEvery: Infinity })
  },
)

test('NIST-2.3.3 at AAL3 no session lives longer than 12 hours, and the error says which clause, and what to do', () => {
  const make = () => createLifetime({ ...nist.aal3, absolute: '24h' })
  expect(make).toThrow(SessionError)
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
  expect(make).toThrow(
    'lifetime.absolute is 24h, but at AAL3 it may be 12h at most (NIST SP 800-63B-4 2.3.3, SHALL); ' +
      'shorten it, or build on nist.aal2.',
  )
})

test.each<[string, LifetimeOptions]>([
  ['a second too long', { ...nist.aal3, absolute: '43201s' }],
  ['left out', { nist: 3 }],
])('NIST-2.3.3 nor does it when the limit is %s', (_, lifetime) => {
  expect(() => createLifetime(lifetime)).toThrow('lifetime.absolute')
})

test.each<[string, LifetimeOptions]>([
  ['a longer idle limit at AAL3', { ...nist.aal3, idle: '12h' }],
  ['exactly 12 hours, written otherwise', { ...nist.aal3, absolute: '720m' }],
  ['a longer life at AAL2', { ...nist.aal2, absolute: '48h', idle: '2h' }],
  ['a longer life at AAL1', { ...nist.aal1, absolute: '90d' }],
])('what a clause only advises against can be had: %s', (_, lifetime) => {
  expect(() => createLifetime(lifetime)).not.toThrow()
})
