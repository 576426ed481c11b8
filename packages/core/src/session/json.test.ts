import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import { assertJson, toJsonText } from './json.ts'

class Money {
  readonly cents = 5
}

function cycle(): unknown {
  const cart: Record<string, unknown> = {}
  cart['items'] = [{ cart }]
  return cart
}

test.each<[string, unknown]>([
  ["'k': it is undefined", undefined],
  ["'k': it is NaN, which JSON writes as null", Number.NaN],
  ["'k': it is Infinity", Infinity],
  ["'k': it is -Infinity", -Infinity],
  ["'k': it is a BigInt; keep it as a string", 10n],
  ["'k': it is a function", () => 1],
  ["'k': it is a function", Money],
  ["'k': it is a symbol", Symbol('s')],
  ["'k': it is a Date; keep value.toISOString() or value.getTime()", new Date(0)],
  ["'k': it is a Map; keep Object.fromEntries(value) or [...value]", new Map()],
  ["'k': it is a Set; keep [...value]", new Set()],
  ["'k': it is a Money; keep a plain object of its fields", new Money()],
  ["'k': it is a Uint8Array", new Uint8Array(1)],
  ["'k': it is a RegExp", /x/],
  ["'k': it is a URL", new URL('https://example.com')],
  ["'k': it is a Error", new Error('no')],
  ["'k': it is a Promise", Promise.resolve()],
  ["'k': it is a Object", Object.assign(Object.create({ inherited: 1 }), { own: 1 })],
  ["'k': it is a object of a class", Object.create(Object.create({ constructor: null }))],
  ["'k.a.b[1].c': it is NaN", { a: { b: [0, { c: Number.NaN }] } }],
  ["'k[0][0]': it is a BigInt", [[10n]]],
  ["'k.when': it is a Date", { when: new Date(0) }],
  ["'k.toJSON': it is a function", { toJSON: () => 'something else' }],
  ["'k[0]': it is undefined inside an array; use null", [undefined]],
  ["'k[1]': it is undefined inside an array; use null", Object.assign([], { 0: 1, 2: 3 })],
  ["'k.items[0].cart': it contains itself; JSON has no cycles", cycle()],
])('a session cannot keep %s', (message, value) => {
  for (const read of [() => toJsonText('k', value), () => assertJson(value, 'k')]) {
    expect(read).toThrow(SessionError)
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_SESSION_DATA' }))
    expect(read).toThrow(`A session cannot keep ${message}`)
  }
})

test('what is nested without end, as a client can send it in a few kilobytes, is refused and overflows no stack', () => {
  const deep = JSON.parse('['.repeat(10_000) + ']'.repeat(10_000)) as unknown
  expect(() => toJsonText('k', deep)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_DATA' }))
})

test('the message never holds the value itself', () => {
  expect(() => toJsonText('k', { card: 4_111_111_111_111_111n })).not.toThrow('4111')
  expect(() => toJsonText('k', [new Map([['secret', 1]])])).not.toThrow('secret')
})

const shared = { price: 5 }

test.each<[string, unknown]>([
  ['null', null],
  ['false', false],
  ['""', ''],
  [String.raw`"\ud800"`, '\ud800'],
  ['1.5', 1.5],
  ['[]', []],
  ['{"b":null}', { a: undefined, b: null }],
  ['{"first":{"price":5},"again":[{"price":5},{"price":5}]}', { first: shared, again: [shared, shared] }],
  ['{"bare":1}', Object.assign(Object.create(null), { bare: 1 })],
  // The Object.prototype of another realm is a stranger here, and yet a plain object's.
  ['{"foreign":1}', Object.assign(Object.create(Object.create(null)), { foreign: 1 })],
  ['{"__proto__":{"polluted":true}}', JSON.parse('{"__proto__":{"polluted":true}}')],
])('a value is kept as %s', (text, value) => {
  expect(toJsonText('k', value)).toBe(text)
  expect(() => assertJson(value, 'k')).not.toThrow()
})

/** Equal as data: a member that is undefined is none, 0 has no sign, and prototypes are no data. */
function sameData(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) =>
    sameData((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}

test('whatever JSON can say comes back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(sameData(JSON.parse(toJsonText('k', value)), value)).toBe(true)
    }),
    { seed: 8259, numRuns: 1000 },
  )
})

test('any value at all is refused, or comes back as it was', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true,
    withBoxedValues: true,
  })
  let kept = 0
  fc.assert(
    fc.property(anything, (value) => {
      let text
      try {
        text = toJsonText('k', value)
      } catch (error) {
        expect(error).toHaveProperty('code', 'ERR_SESSION_DATA')
        return
      }
      kept++
      expect(sameData(JSON.parse(text), value)).toBe(true)
    }),
    { seed: 8259, numRuns: 3000 },
  )
  expect(kept).toBeGreaterThan(200)
})
