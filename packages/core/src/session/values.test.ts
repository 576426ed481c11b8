import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { noValues, valueOf, WorkingCopy, type Update, type Values } from './values.ts'

/** Values as a store would give them: parsed anew, so that nobody else holds the objects. */
function valuesOf(data: object): Values {
  return JSON.parse(JSON.stringify(data)) as Values
}

/** A working copy of the data, together with the values that it was loaded from. */
function load(data: object): { readonly copy: WorkingCopy; readonly loaded: Values } {
  const loaded = valuesOf(data)
  return { copy: new WorkingCopy(loaded), loaded }
}

const append =
  (item: unknown): Update =>
  (list) => [...((list ?? []) as unknown[]), item]
const increment: Update = (count) => ((count ?? 0) as number) + 1

test('what was loaded can be read, and reading it changes nothing', () => {
  const { copy, loaded } = load({ views: 1, name: null, cart: ['a'], on: false })
  expect(copy.keys()).toEqual(['views', 'name', 'cart', 'on'])
  expect(['views', 'name', 'cart', 'on'].map((key) => copy.get(key))).toEqual([1, null, ['a'], false])
  expect(copy.has('name')).toBe(true)
  expect([copy.get('toString'), copy.has('toString'), copy.get('other')]).toEqual([
    undefined,
    false,
    undefined,
  ])
  expect(copy.changedKeys()).toEqual([])
  expect(copy.rebase(loaded)).toEqual({ views: 1, name: null, cart: ['a'], on: false })
})

test('a request that reads primitives serialises nothing', () => {
  const { copy } = load({ views: 1, cart: ['a'] })
  const stringify = vi.spyOn(JSON, 'stringify')
  try {
    copy.get('views')
    copy.has('cart')
    copy.keys()
    expect(copy.changedKeys()).toEqual([])
    expect(stringify).not.toHaveBeenCalled()
  } finally {
    stringify.mockRestore()
  }
})

test('a key that is named like a member of Object.prototype is a key like any other', () => {
  const { copy, loaded } = load(JSON.parse('{"__proto__":1,"constructor":2}') as object)
  expect([copy.get('__proto__'), copy.get('constructor')]).toEqual([1, 2])
  copy.set('__proto__', 3)
  expect(Object.entries(copy.rebase(loaded))).toEqual([
    ['__proto__', 3],
    ['constructor', 2],
  ])
})

test.each<[string, (copy: WorkingCopy) => void, string[], Record<string, unknown>]>([
  ['set writes', (copy) => copy.set('a', 2), ['a'], { a: 2, list: [1] }],
  ['set adds a key', (copy) => copy.set('b', null), ['b'], { a: 1, list: [1], b: null }],
  ['set to what was loaded is no change', (copy) => copy.set('a', 1), [], { a: 1, list: [1] }],
  ['an equal object is no change', (copy) => copy.set('list', [1]), [], { a: 1, list: [1] }],
  ['set to undefined deletes', (copy) => copy.set('a', undefined), ['a'], { list: [1] }],
  ['deleting what is not there is no change', (copy) => copy.set('b', undefined), [], { a: 1, list: [1] }],
  ['update writes', (copy) => copy.update('a', increment), ['a'], { a: 2, list: [1] }],
  ['update adds a key', (copy) => copy.update('b', increment), ['b'], { a: 1, list: [1], b: 1 }],
  ['update to undefined deletes', (copy) => copy.update('a', () => undefined), ['a'], { list: [1] }],
  ['take deletes', (copy) => copy.take('a'), ['a'], { list: [1] }],
  ['taking what is not there is no change', (copy) => copy.take('b'), [], { a: 1, list: [1] }],
  ['clear deletes all', (copy) => copy.clear(), ['a', 'list'], {}],
  [
    'what is set after a clear is all there is',
    (copy) => {
      copy.clear()
      copy.set('b', 2)
    },
    ['a', 'list', 'b'],
    { b: 2 },
  ],
  [
    'an object that is changed in place is saved',
    (copy) => (copy.get('list') as number[]).push(2),
    ['list'],
    { a: 1, list: [1, 2] },
  ],
  [
    'an object that is changed after it was set is saved as it is then',
    (copy) => {
      const list = [2]
      copy.set('list', list)
      list.push(3)
    },
    ['list'],
    { a: 1, list: [2, 3] },
  ],
  [
    'a change that is taken back is none',
    (copy) => {
      ;(copy.get('list') as number[]).push(2)
      ;(copy.get('list') as number[]).pop()
      copy.set('a', 5)
      copy.set('a', 1)
    },
    [],
    { a: 1, list: [1] },
  ],
  [
    'an object that is changed in place and then replaced by what it was is unchanged',
    (copy) => {
      ;(copy.get('list') as number[]).push(2)
      copy.set('list', [1])
      copy.set('a', 2)
    },
    ['a'],
    { a: 2, list: [1] },
  ],
])('%s', (_, change, changedKeys, expected) => {
  const { copy, loaded } = load({ a: 1, list: [1] })
  change(copy)
  expect(copy.changedKeys().toSorted()).toEqual(changedKeys.toSorted())
  expect(copy.rebase(loaded)).toEqual(expected)
  // What the handler sees is what is saved.
  expect(Object.fromEntries(copy.keys().map((key) => [key, copy.get(key)]))).toEqual(expected)
})

test('take gives a value once', () => {
  const { copy } = load({ notice: 'saved' })
  expect([copy.take('notice'), copy.take('notice'), copy.get('notice')]).toEqual([
    'saved',
    undefined,
    undefined,
  ])
  copy.set('notice', 'again')
  expect([copy.take('notice'), copy.has('notice')]).toEqual(['again', false])
})

test('a flash that is set and taken by one request leaves no trace', () => {
  const copy = new WorkingCopy(noValues)
  copy.set('notice', 'saved')
  expect(copy.take('notice')).toBe('saved')
  expect(copy.changedKeys()).toEqual([])
})

test.each<[string, unknown, string]>([
  ['set', Number.NaN, "'k'"],
  ['set', { when: new Date(0) }, "'k.when'"],
  ['update', () => 1, "'k'"],
  ['update', [1n], "'k[0]'"],
] as const)('%s refuses what JSON cannot carry, and the value stays', (method, value, place) => {
  const { copy } = load({ k: 1 })
  const write = () => (method === 'set' ? copy.set('k', value) : copy.update('k', () => value))
  expect(write).toThrow(expect.objectContaining({ code: 'ERR_SESSION_DATA' }))
  expect(write).toThrow(`cannot keep ${place}`)
  expect(copy.get('k')).toBe(1)
  expect(copy.changedKeys()).toEqual([])
})

test.each<[string, (cart: unknown[]) => void, string]>([
  ['a Date', (cart) => cart.push(new Date(0)), "'cart[1]'"],
  ['NaN', (cart) => cart.push(Number.NaN), "'cart[1]'"],
  ['a BigInt', (cart) => cart.push(1n), "'cart[1]'"],
  ['a function', (cart) => cart.push(() => 1), "'cart[1]'"],
  ['itself', (cart) => cart.push({ cart }), "'cart[1].cart'"],
])('what is put into an object in place is checked as well: %s', (_, spoil, place) => {
  const { copy, loaded } = load({ cart: ['a'] })
  spoil(copy.get('cart') as unknown[])
  for (const read of [() => copy.changedKeys(), () => copy.rebase(loaded)]) {
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_SESSION_DATA' }))
    expect(read).toThrow(`cannot keep ${place}`)
  }
})

test.each<[string, unknown]>([
  ['a BigInt', 1n],
  ['NaN', Number.NaN],
])('what is put into an object after it was set is checked as well: %s', (_, value) => {
  const { copy } = load({})
  const cart: unknown[] = []
  copy.set('cart', cart)
  cart.push(value)
  expect(() => copy.changedKeys()).toThrow("cannot keep 'cart[0]'")
})

test('a function given to update that throws changes nothing', () => {
  const { copy } = load({ a: 1 })
  const fail = () =>
    copy.update('a', () => {
      throw new RangeError('no')
    })
  expect(fail).toThrow(RangeError)
  expect([copy.get('a'), copy.changedKeys()]).toEqual([1, []])
})

// What happens when another request has written first: `newest` is what it left.
test.each<[string, (copy: WorkingCopy) => void, Record<string, unknown>, Record<string, unknown>]>([
  [
    'keys that only the other request changed are its',
    (copy) => copy.set('a', 2),
    { a: 1, list: [9], b: 1 },
    { a: 2, list: [9], b: 1 },
  ],
  ['keys that the other request deleted stay deleted', (copy) => copy.set('a', 2), { a: 1 }, { a: 2 }],
  [
    'of two that set one key, the later commit wins',
    (copy) => copy.set('a', 2),
    { a: 3, list: [1] },
    { a: 2, list: [1] },
  ],
  ['a deletion holds against a newer value', (copy) => copy.set('a', undefined), { a: 3 }, {}],
  [
    'an object that was only read is not written back',
    (copy) => void copy.get('list'),
    { a: 1, list: [1, 2] },
    { a: 1, list: [1, 2] },
  ],
  [
    'an object that was changed in place is set',
    (copy) => (copy.get('list') as number[]).push(2),
    { list: [9] },
    { list: [1, 2] },
  ],
  ['update runs again on the newer value', (copy) => copy.update('a', increment), { a: 10 }, { a: 11 }],
  ['update runs again when the key has gone', (copy) => copy.update('a', increment), {}, { a: 1 }],
  [
    'update of a new key runs again on what the other request put there',
    (copy) => copy.update('b', increment),
    { b: 5 },
    { b: 6 },
  ],
  ['update that deletes deletes the newer value', (copy) => copy.update('a', () => undefined), { a: 10 }, {}],
  [
    'update that changes the object it is given runs again',
    (copy) =>
      copy.update('list', (list) => {
        ;(list as number[]).push(2)
        return list
      }),
    { list: [9] },
    { list: [9, 2] },
  ],
  [
    'all updates of a key run again, in order',
    (copy) => {
      copy.update('list', append(2))
      copy.update('list', append(3))
    },
    { list: [9] },
    { list: [9, 2, 3] },
  ],
  [
    'a set after an update wins over both',
    (copy) => {
      copy.update('a', increment)
      copy.set('a', 7)
    },
    { a: 10 },
    { a: 7 },
  ],
  [
    'an update after a set builds on what was set',
    (copy) => {
      copy.set('a', 7)
      copy.update('a', increment)
    },
    { a: 10 },
    { a: 8 },
  ],
  [
    'an update after a change in place builds on that',
    (copy) => {
      ;(copy.get('list') as number[]).push(2)
      copy.update('list', append(3))
    },
    { list: [9] },
    { list: [1, 2, 3] },
  ],
  [
    'a change in place after an update is kept',
    (copy) => {
      copy.update('list', append(2))
      ;(copy.get('list') as number[]).push(3)
    },
    { list: [9] },
    { list: [1, 2, 3] },
  ],
  [
    'a change in place between two updates is kept',
    (copy) => {
      copy.update('list', append(2))
      ;(copy.get('list') as number[]).push(3)
      copy.update('list', append(4))
    },
    { list: [9] },
    { list: [1, 2, 3, 4] },
  ],
  ['what was taken is gone', (copy) => copy.take('a'), { a: 1, b: 2 }, { b: 2 }],
  [
    'what was flashed anew meanwhile is kept for its own turn',
    (copy) => copy.take('a'),
    { a: 'newer' },
    { a: 'newer' },
  ],
  ['what both took is gone', (copy) => copy.take('a'), {}, {}],
  [
    'what was taken and then set is set',
    (copy) => {
      copy.take('a')
      copy.set('a', 7)
    },
    { a: 10 },
    { a: 7 },
  ],
  [
    'an update after a take builds on nothing',
    (copy) => {
      copy.take('list')
      copy.update('list', append(2))
    },
    { list: [9] },
    { list: [2] },
  ],
  [
    'clear deletes what the other request added, too',
    (copy) => {
      copy.clear()
      copy.set('b', 2)
    },
    { a: 3, c: 4 },
    { b: 2 },
  ],
  [
    'an update after a clear builds on nothing',
    (copy) => {
      copy.clear()
      copy.update('n', increment)
    },
    { n: 10 },
    { n: 1 },
  ],
])('after a lost race: %s', (_, change, newest, expected) => {
  const { copy } = load({ a: 1, list: [1] })
  change(copy)
  expect(copy.rebase(valuesOf(newest))).toEqual(expected)
  // Again, for the race may be lost again.
  expect(copy.rebase(valuesOf(newest))).toEqual(expected)
})

test('an update whose result on the newer value is no JSON is refused', () => {
  const { copy } = load({ a: 1 })
  copy.update('a', (value) => 1 / ((value as number) - 5))
  expect(() => copy.rebase(valuesOf({ a: 5 }))).toThrow(expect.objectContaining({ code: 'ERR_SESSION_DATA' }))
})

// A session that was cleared is written from nothing, so equality with what was loaded must not count as "no change".
test.each<[string, (copy: WorkingCopy) => void, Record<string, unknown>]>([
  ['set to the old value', (copy) => copy.set('a', 1), { a: 1 }],
  ['counted up to the old value', (copy) => copy.update('a', increment), { a: 1 }],
  ['filled with an equal object', (copy) => copy.set('list', [1]), { list: [1] }],
])('a key that is %s after a clear is written', (_, change, expected) => {
  const { copy, loaded } = load({ a: 1, list: [1] })
  copy.clear()
  change(copy)
  expect(copy.rebase(loaded)).toEqual(expected)
})

test('an object that was changed in place before a clear is no measure of what was loaded', () => {
  const { copy, loaded } = load({ cart: ['a'] })
  const cart = copy.get('cart') as string[]
  cart.push('b')
  copy.clear()
  copy.set('cart', ['a', 'b'])
  expect(copy.changedKeys()).toEqual(['cart'])
  expect(copy.rebase(loaded)).toEqual({ cart: ['a', 'b'] })
})

// Model-based: a plain object is changed in the same way, and beside it stands how each key came to its value.

type Op =
  | { readonly do: 'get' | 'take' | 'delete' | 'mutate'; readonly key: string }
  | { readonly do: 'set'; readonly key: string; readonly value: unknown }
  | { readonly do: 'update'; readonly key: string; readonly change: Update }
  | { readonly do: 'clear' }

type Story = { readonly end: 'set' | 'taken' } | { readonly updates: readonly Update[] }

const keys = ['a', 'b', 'c', '__proto__']
const key = fc.constantFrom(...keys)
// Few values, so that equal ones meet often.
const value = fc.oneof(
  fc.constantFrom<unknown>(0, 1, 'x', null, [], [1], { n: 1 }, { n: [1] }),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
)
const change = fc.constantFrom<Update>(
  (value) => (typeof value === 'number' ? value + 1 : 1),
  (value) => (Array.isArray(value) ? [...(value as unknown[]), 2] : [2]),
  (value) => {
    if (!Array.isArray(value)) return [3]
    value.push(3)
    return value
  },
  (value) => (value === undefined ? 'new' : undefined),
  (value) => value,
)
const keyed = (names: ('get' | 'take' | 'delete' | 'mutate')[]): fc.Arbitrary<Op> =>
  fc.record({ do: fc.constantFrom(...names), key })
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: keyed(['get', 'take', 'delete', 'mutate', 'mutate']) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('set' as const), key, value }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('update' as const), key, change }) },
)
const opOrClear = fc.oneof(
  { weight: 12, arbitrary: op },
  { weight: 1, arbitrary: fc.constant<Op>({ do: 'clear' }) },
)
const data = fc
  .uniqueArray(fc.tuple(key, value), { selector: ([key]) => key })
  .map((entries) => new Map(entries))

/** A copy that shares nothing, not even with itself, as stored text does not. */
const clone = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown
const cloneAll = (values: ReadonlyMap<string, unknown>): Map<string, unknown> =>
  new Map(Array.from(values, ([key, value]) => [key, clone(value)]))
const loadedFrom = (values: ReadonlyMap<string, unknown>): Values => Object.fromEntries(cloneAll(values))
const textOf = (value: unknown): string | undefined => JSON.stringify(value)

/** Changes an object in place. @returns Whether there was one to change. */
function mutate(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) value.push('in place')
  else (value as Record<string, unknown>)['place'] = 'in'
  return true
}

class Model {
  readonly seen: Map<string, unknown>
  readonly #loaded: ReadonlyMap<string, unknown>
  readonly #stories = new Map<string, Story>()
  #cleared = false

  constructor(loaded: ReadonlyMap<string, unknown>) {
    this.#loaded = cloneAll(loaded)
    this.seen = cloneAll(loaded)
  }

  run(op: Op): void {
    if (op.do === 'clear') {
      this.seen.clear()
      this.#cleared = true
      return
    }
    const { key } = op
    const before = this.seen.get(key)
    const story = this.#stories.get(key)
    if (op.do === 'set') this.#write(key, clone(op.value), { end: 'set' })
    else if (op.do === 'delete') this.#write(key, undefined, { end: 'set' })
    else if (op.do === 'mutate' && mutate(before)) this.#write(key, before, { end: 'set' })
    else if (op.do === 'take' && before !== undefined) {
      this.#write(key, undefined, { end: this.#loaded.has(key) ? 'taken' : 'set' })
    } else if (op.do === 'update') {
      const updates = story === undefined ? [] : 'updates' in story ? story.updates : null
      const value = op.change(before)
      this.#write(key, value, updates === null ? { end: 'set' } : { updates: [...updates, op.change] })
    }
  }

  /** The keys that differ from what was loaded. */
  get changed(): string[] {
    const keys = new Set([...this.#loaded.keys(), ...this.seen.keys()])
    return [...keys].filter((key) => textOf(this.seen.get(key)) !== textOf(this.#loaded.get(key)))
  }

  /** What is to be written over what another request has left. */
  rebased(newest: ReadonlyMap<string, unknown>): Map<string, unknown> {
    if (this.#cleared) return this.seen
    const result = cloneAll(newest)
    for (const key of this.changed) {
      const value = this.#replayed(this.#stories.get(key)!, this.seen.get(key), key, result.get(key))
      if (value === undefined) result.delete(key)
      else result.set(key, value)
    }
    return result
  }

  #write(key: string, value: unknown, story: Story): void {
    if (value === undefined) this.seen.delete(key)
    else this.seen.set(key, value)
    this.#stories.set(key, story)
  }

  #replayed(story: Story, seen: unknown, key: string, newest: unknown): unknown {
    if ('updates' in story) return story.updates.reduce((value, change) => change(value), newest)
    if (story.end === 'set') return seen
    return textOf(newest) === textOf(this.#loaded.get(key)) ? undefined : newest
  }
}

function run(copy: WorkingCopy, op: Op): void {
  if (op.do === 'clear') copy.clear()
  else if (op.do === 'get') copy.get(op.key)
  else if (op.do === 'take') copy.take(op.key)
  else if (op.do === 'mutate') mutate(copy.get(op.key))
  else if (op.do === 'update') copy.update(op.key, op.change)
  else copy.set(op.key, op.do === 'set' ? clone(op.value) : undefined)
}

function checkAgainstModel(op: fc.Arbitrary<Op>): void {
  fc.assert(
    fc.property(data, data, fc.array(op, { maxLength: 12 }), (before, newest, ops) => {
      const loaded = loadedFrom(before)
      const copy = new WorkingCopy(loaded)
      const model = new Model(before)
      for (const op of ops) {
        run(copy, op)
        model.run(op)
        expect(copy.keys().toSorted()).toEqual([...model.seen.keys()].toSorted())
        expect(copy.has('a')).toBe(model.seen.has('a'))
        expect(copy.get('a')).toEqual(model.seen.get('a'))
      }
      expect(copy.changedKeys()).toEqual(expect.arrayContaining(model.changed))
      expect(copy.rebase(loaded)).toEqual(Object.fromEntries(model.seen))
      expect(copy.rebase(loadedFrom(newest))).toEqual(Object.fromEntries(model.rebased(newest)))
    }),
    { seed: 3_000, numRuns: 1500 },
  )
}

test('any sequence of reads and writes does what it does to a plain object, and survives a lost race', () => {
  checkAgainstModel(op)
})

test('so it does when everything is cleared in between', () => {
  checkAgainstModel(opOrClear)
})

test('keys that were not changed are never written: all of another request’s changes survive', () => {
  fc.assert(
    fc.property(data, data, fc.array(op, { maxLength: 6 }), (before, newest, ops) => {
      const copy = new WorkingCopy(loadedFrom(before))
      for (const op of ops) run(copy, op)
      const changed = new Set(copy.changedKeys())
      const rebased = copy.rebase(loadedFrom(newest))
      for (const key of keys.filter((key) => !changed.has(key))) {
        expect(valueOf(rebased, key)).toEqual(newest.get(key))
        expect(Object.hasOwn(rebased, key)).toBe(newest.has(key))
      }
    }),
    { seed: 1, numRuns: 1000 },
  )
})
