import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import { readSecrets, type Schedule, type Secrets } from './secret-schedule.ts'

const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const newest = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const noon = Date.UTC(2026, 10, 21, 12)

/** The one secret of a ring, with these times. */
function scheduleOf(times: object): Schedule {
  return readSecrets([{ secret: newest, ...times }])[0]!
}

test('a secret without times signs and verifies for ever', () => {
  const always = { secret: newest, label: null, from: -Infinity, until: Infinity }
  expect(readSecrets([newest])).toEqual([always])
  expect(readSecrets([{ secret: newest }])).toEqual([always])
})

test('strings and scheduled secrets stand in one ring, in their order', () => {
  const ring = readSecrets([{ secret: newest, notBefore: new Date(noon), label: 'v2' }, older])
  expect(ring).toEqual([
    { secret: newest, label: 'v2', from: noon, until: Infinity },
    { secret: older, label: null, from: -Infinity, until: Infinity },
  ])
})

test.each<[Date | string, number]>([
  [new Date(noon), noon],
  ['2026-11-21T12:00:00.000Z', noon],
  ['2026-11-21T12:00:00Z', noon],
  ['2026-11-21T12:00Z', noon],
  ['2026-11-21T13:30:00+01:30', noon],
  ['2026-11-21T04:00:00-08:00', noon],
  ['2026-11-21T12:00:00.5Z', noon + 500],
  ['2026-11-21', Date.UTC(2026, 10, 21)],
])('%j is a date', (date, time) => {
  expect(scheduleOf({ notBefore: date }).from).toBe(time)
  expect(scheduleOf({ retireAfter: date }).until).toBe(time)
})

test('a date that changes later changes nothing', () => {
  const date = new Date(noon)
  const schedule = scheduleOf({ retireAfter: date })
  date.setFullYear(2060)
  expect(schedule.until).toBe(noon)
})

test('a date and its text mean the same, in each time zone', () => {
  const date = fc.date({ min: new Date('0001-01-01'), max: new Date('9998-01-01'), noInvalidDate: true })
  const minutes = fc.integer({ min: -14 * 60, max: 14 * 60 })
  fc.assert(
    fc.property(date, minutes, (date, offset) => {
      const pad = (number: number): string => String(Math.floor(number)).padStart(2, '0')
      const zone = `${offset < 0 ? '-' : '+'}${pad(Math.abs(offset) / 60)}:${pad(Math.abs(offset) % 60)}`
      const there = new Date(date.getTime() + offset * 60_000).toISOString().replace('Z', zone)
      fc.pre(/^\d/.test(there))
      expect(scheduleOf({ notBefore: date }).from).toBe(date.getTime())
      expect(scheduleOf({ notBefore: date.toISOString() }).from).toBe(date.getTime())
      expect(scheduleOf({ notBefore: there }).from).toBe(date.getTime())
    }),
    { seed: 8601, numRuns: 500 },
  )
})

const ranges = ['notBefore', 'retireAfter'] as const

test.each<[string, unknown]>([
  ['without a time zone, each server would read another time', '2026-11-21T12:00:00'],
  ['an invalid Date', new Date('soon')],
  ['a word', 'tomorrow'],
  ['nothing', ''],
  ['null', null],
  ['milliseconds', noon],
  ['milliseconds as text', String(noon)],
  ['seconds as text', '1795262400'],
  ['a duration', '30d'],
  ['a month that is none', '2026-13-01'],
  ['a day that is none', '2026-11-32'],
  ['an hour that is none', '2026-11-21T25:00:00Z'],
  ['American', '11/21/2026'],
  ['as in HTTP', 'Sat, 21 Nov 2026 12:00:00 GMT'],
  ['a space in front', ' 2026-11-21'],
  ['a line feed behind', '2026-11-21\n'],
  ['an array', ['2026-11-21']],
])('ASVS-11.1.1 %s is refused as a date: %j', (_, date) => {
  for (const name of ranges) {
    const make = () => scheduleOf({ [name]: date })
    expect(make).toThrow(SessionError)
    expect(make).toThrow(`secrets[0].${name} must be a Date, or ISO 8601`)
  }
})

test.each<[string, unknown, string]>([
  ['an end before the beginning', { notBefore: '2026-11-22', retireAfter: '2026-11-21' }, 'retireAfter'],
  ['an end at the beginning', { notBefore: '2026-11-22', retireAfter: '2026-11-22' }, 'retireAfter'],
  ['a misspelled time', { notbefore: '2026-11-22' }, 'notbefore is not known; there are secret'],
  ['a time of another library', { expires: '2026-11-22' }, 'expires is not known; there are secret'],
])('ASVS-11.1.1 %s is refused', (_, times, message) => {
  expect(() => readSecrets([older, { secret: newest, ...(times as object) }])).toThrow(
    `secrets[1].${message}`,
  )
})

test.each<[string, unknown, string]>([
  ['a weak scheduled secret', [{ secret: 'weak' }], 'secrets[0] has 4 bytes'],
  ['a scheduled secret without a secret', [newest, { label: 'v1' }], 'secrets[1] is missing'],
  ['null', [newest, null], 'secrets[1] is missing'],
  ['a number', [12_345], 'secrets[0] is of type number'],
  ['a secret that is there twice', [newest, older, newest], 'secrets[2] is there twice'],
  [
    'a secret twice, with other times',
    [{ secret: newest, retireAfter: '2026-11-21' }, newest],
    'secrets[1] is',
  ],
  ['an object in place of a ring', { secret: newest }, 'secrets must be an array'],
])('ASVS-13.3.1 %s is refused', (_, secrets, message) => {
  const make = () => readSecrets(secrets as Secrets)
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
  expect(make).toThrow(message)
  expect(make).not.toThrow(newest)
})
