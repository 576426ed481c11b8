import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { newSessionId, type SessionId } from '../crypto/token.ts'
import type { StoredRecord } from '../store/store.ts'
import {
  decodeRecord,
  encodeRecord,
  encodeTombstone,
  isTombstone,
  type SessionRecord,
  type Tombstone,
} from './record.ts'

/** What a store gives back for a payload. */
function stored(payload: string, userId: string | null = null): StoredRecord {
  return { payload, userId, expiresAt: 1, version: 1 }
}

const successor = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw' as SessionId
const record: SessionRecord = {
  createdAt: 1000,
  seenAt: 3000,
  authenticatedAt: 2000,
  userId: 'ada',
  auth: null,
  issuedAt: 1000,
  previous: null,
  values: { views: 1 },
}

test('a record has the form that it will have in all versions to come', () => {
  expect(encodeRecord(record)).toBe(
    '{"format":1,"createdAt":1000,"seenAt":3000,"authenticatedAt":2000,"data":{"views":1}}',
  )
  expect(encodeTombstone({ successor, graceUntil: 4000 })).toBe(
    `{"format":1,"successor":"${successor}","graceUntil":4000}`,
  )
})

test('the user stands beside the payload, where the store can index it, and only there', () => {
  expect(encodeRecord(record)).not.toContain('ada')
  expect(decodeRecord(stored(encodeRecord(record), 'ada'))).toHaveProperty('userId', 'ada')
  expect(decodeRecord(stored(encodeRecord(record)))).toHaveProperty('userId', null)
})

const time = fc.integer({ min: 0, max: 8.64e15 })
const values = fc
  .array(
    fc.tuple(
      fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'successor', '1', '')),
      fc.jsonValue(),
    ),
  )
  .map((entries) =>
    Object.fromEntries(entries.map(([key, value]) => [key, JSON.parse(JSON.stringify(value)) as unknown])),
  )

const level = fc.option(fc.constantFrom(1 as const, 2 as const, 3 as const))
const text = fc.string()
const auth = fc.record({
  handle: text,
  amr: fc.array(text),
  aal: level,
  remember: fc.option(fc.boolean()),
  label: fc.option(text),
  client: fc.dictionary(text, text, { noNullPrototype: true }),
  idp: fc.option(fc.record({ iss: text, sid: text })),
  elevation: fc.option(fc.record({ amr: fc.array(text), aal: level, at: time, until: time })),
  actor: fc.option(text),
})

test('any record comes back as it was', () => {
  const anyRecord = fc.record({
    createdAt: time,
    seenAt: time,
    authenticatedAt: fc.option(time),
    userId: fc.option(fc.string({ minLength: 1 })),
    auth: fc.option(auth),
    issuedAt: time,
    previous: fc.option(
      fc.record({ id: fc.constant(successor), until: time, first: fc.constant(successor), turns: fc.nat() }),
    ),
    values,
  })
  fc.assert(
    fc.property(anyRecord, (record) => {
      const decoded = decodeRecord(stored(encodeRecord(record), record.userId))
      expect(decoded).toEqual(record)
      expect(isTombstone(decoded!)).toBe(false)
    }),
    { seed: 1, numRuns: 1000 },
  )
})

test('any tombstone comes back as it was', () => {
  fc.assert(
    fc.property(fc.nat(), (graceUntil) => {
      const tombstone: Tombstone = { successor: newSessionId(), graceUntil }
      const decoded = decodeRecord(stored(encodeTombstone(tombstone)))
      expect(decoded).toEqual(tombstone)
      expect(isTombstone(decoded!)).toBe(true)
    }),
    { seed: 1, numRuns: 200 },
  )
})

test('data that look like a tombstone are data', () => {
  const values = { successor, graceUntil: 0, format: 2 }
  const decoded = decodeRecord(stored(encodeRecord({ ...record, values })))
  expect(isTombstone(decoded!)).toBe(false)
  expect(decoded).toHaveProperty('values', values)
})

const whole = { format: 1, createdAt: 1, seenAt: 2, authenticatedAt: null, data: {} }
const stone = { format: 1, successor, graceUntil: 5 }
const without = (content: object, member: string): string =>
  JSON.stringify(Object.fromEntries(Object.entries(content).filter(([key]) => key !== member)))

test.each([
  ['nothing', ''],
  ['no JSON', '{"format":1'],
  ['null', 'null'],
  ['a number', '1'],
  ['a text', '"format"'],
  ['a list', '[]'],
  ['an empty object', '{}'],
  ['a newer format', JSON.stringify({ ...whole, format: 2 })],
  ['a format of another type', JSON.stringify({ ...whole, format: '1' })],
  ['no format', without(whole, 'format')],
  ['no createdAt', without(whole, 'createdAt')],
  ['no data', without(whole, 'data')],
  ['a createdAt of another type', JSON.stringify({ ...whole, createdAt: '1' })],
  ['a seenAt of another type', JSON.stringify({ ...whole, seenAt: null })],
  ['an authenticatedAt of another type', JSON.stringify({ ...whole, authenticatedAt: true })],
  ['data that are null', JSON.stringify({ ...whole, data: null })],
  ['data that are a list', JSON.stringify({ ...whole, data: [] })],
  ['data that are a text', JSON.stringify({ ...whole, data: 'x' })],
  ['a successor that is no id', JSON.stringify({ ...stone, successor: 'x' })],
  ['a successor of another type', JSON.stringify({ ...stone, successor: 1 })],
  ['no successor', without(stone, 'successor')],
  ['no end of the grace window', without(stone, 'graceUntil')],
  ['an end of the grace window of another type', JSON.stringify({ ...stone, graceUntil: '5' })],
])('%s is not guessed at', (_, payload) => {
  expect(decodeRecord(stored(payload))).toBeNull()
})

test('a payload that is cut off or changed is read as something whole, or not at all', () => {
  const payload = encodeRecord({ ...record, values: { cart: [{ n: 1 }] } })
  const damaged = fc
    .tuple(fc.nat({ max: payload.length }), fc.nat({ max: 5 }), fc.string({ maxLength: 4 }))
    .map(([at, cut, inserted]) => payload.slice(0, at) + inserted + payload.slice(at + cut))
  fc.assert(
    fc.property(fc.oneof(damaged, fc.string(), fc.json()), (payload) => {
      const decoded = decodeRecord(stored(payload))
      if (decoded === null || isTombstone(decoded)) return
      expect([typeof decoded.createdAt, typeof decoded.seenAt]).toEqual(['number', 'number'])
      expect(typeof decoded.values).toBe('object')
    }),
    { seed: 2, numRuns: 2000 },
  )
})

test('what is as usual takes no room, and is read where it stands all the same', () => {
  const usual = { ...record, seenAt: record.createdAt, issuedAt: record.createdAt, authenticatedAt: null }
  const payload = encodeRecord(usual)
  expect(Object.keys(JSON.parse(payload) as object)).toEqual(['format', 'createdAt', 'data'])
  expect(decodeRecord(stored(payload, usual.userId))).toEqual(usual)
  const spelt = JSON.stringify({
    ...(JSON.parse(payload) as object),
    seenAt: usual.seenAt,
    authenticatedAt: null,
  })
  expect(decodeRecord(stored(spelt, usual.userId))).toEqual(usual)
})

test('a stored `__proto__` is a key and changes no prototype', () => {
  const payload = '{"format":1,"createdAt":1,"data":{"__proto__":{"admin":true}}}'
  const decoded = decodeRecord(stored(payload)) as SessionRecord
  expect(Object.entries(decoded.values)).toEqual([['__proto__', { admin: true }]])
  expect(decoded).not.toHaveProperty('admin')
  expect({}).not.toHaveProperty('admin')
  expect(encodeRecord(decoded)).toBe(payload)
})
