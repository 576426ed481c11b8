import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type } from 'arktype'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createDataGuard } from './schema.ts'
import { WorkingCopy, type Values } from './values.ts'

interface Data {
  readonly views: number
  readonly cart?: string[] | undefined
}

// One schema, in three dialects.
const schemas: readonly [string, StandardSchemaV1<unknown, Data>][] = [
  ['zod', z.object({ views: z.number().int(), cart: z.array(z.string()).optional() })],
  ['valibot', v.object({ views: v.pipe(v.number(), v.integer()), cart: v.optional(v.array(v.string())) })],
  ['arktype', type({ views: 'number.integer', 'cart?': 'string[]' })],
]

function valuesOf(data: object): Values {
  return { ...data }
}

test('without a schema, all data fit', async () => {
  const guard = createDataGuard(undefined, undefined)
  const values = valuesOf({ anything: ['goes'] })
  expect(await guard.read(values)).toEqual({ values, migrated: false })
  expect(await guard.check(values)).toBeUndefined()
})

test.each(schemas)('data that fit a schema of %s are read and written', async (_, schema) => {
  const guard = createDataGuard(schema, undefined)
  const values = valuesOf({ views: 1, cart: ['a'] })
  expect(await guard.read(values)).toEqual({ values, migrated: false })
  expect(await guard.read(valuesOf({ views: 0 }))).toEqual({
    values: valuesOf({ views: 0 }),
    migrated: false,
  })
  await expect(guard.check(values)).resolves.toBeUndefined()
})

test.each(schemas)('data that do not fit a schema of %s are given up when read', async (_, schema) => {
  const guard = createDataGuard(schema, undefined)
  expect(await guard.read(valuesOf({}))).toBeNull()
  expect(await guard.read(valuesOf({ views: '1' }))).toBeNull()
  expect(await guard.read(valuesOf({ views: 1, cart: 'a' }))).toBeNull()
})

test.each(schemas)(
  'data that do not fit a schema of %s are refused when written, naming the place',
  async (_, schema) => {
    const guard = createDataGuard(schema, undefined)
    const check = guard.check(valuesOf({ views: 'hunter2', cart: ['a', 5] }))
    await expect(check).rejects.toHaveProperty('code', 'ERR_SESSION_DATA')
    await expect(check).rejects.toThrow(/The session's data do not fit its schema: .*views: .*cart\.1: /)
  },
)

test.each(schemas)('data of an older form are migrated, with a schema of %s', async (_, schema) => {
  const seen: unknown[] = []
  const guard = createDataGuard(schema, async (old) => {
    seen.push(old)
    const { count } = old as { count?: number }
    return count === undefined ? null : { views: count }
  })
  expect(await guard.read(valuesOf({ count: 3 }))).toEqual({ values: valuesOf({ views: 3 }), migrated: true })
  expect(await guard.read(valuesOf({ other: 1 })), 'migrate gave them up').toBeNull()
  expect(await guard.read(valuesOf({ count: 1.5 })), 'what migrate made does not fit either').toBeNull()
  expect(await guard.read(valuesOf({ views: 1 }))).toEqual({
    values: valuesOf({ views: 1 }),
    migrated: false,
  })
  // What fits has not been shown to it.
  expect(seen).toEqual([{ count: 3 }, { other: 1 }, { count: 1.5 }])
})

test('what the schema makes of the data is what the session gets', async () => {
  const schema = z.object({
    name: z.string().trim(),
    theme: z.string().default('dark'),
    old: z.undefined().optional(),
  })
  const guard = createDataGuard(schema, undefined)
  const read = await guard.read(valuesOf({ name: ' Ada ', stranger: 1, old: undefined }))
  expect(read?.values).toEqual(valuesOf({ name: 'Ada', theme: 'dark' }))
})

test('an object that is a default of the schema is not shared by sessions', async () => {
  const cart = z.object({ items: z.array(z.string()) }).default({ items: [] })
  const guard = createDataGuard(z.object({ cart }), undefined)
  const open = async () => new WorkingCopy((await guard.read(valuesOf({})))!.values)
  const [mine, yours] = [await open(), await open()]
  ;(mine.get('cart') as { items: string[] }).items.push('mine')
  expect(yours.get('cart')).toEqual({ items: [] })
  expect((await open()).get('cart')).toEqual({ items: [] })
})

test('a schema that makes of the data what JSON cannot carry is a mistake, and the error says where', async () => {
  const guard = createDataGuard(z.object({ seen: z.coerce.date() }), undefined)
  const read = guard.read(valuesOf({ seen: '2026-01-01' }))
  await expect(read).rejects.toHaveProperty('code', 'ERR_SESSION_DATA')
  await expect(read).rejects.toThrow("'seen'")
})

/** A schema that answers with these issues. */
function failing(issues: readonly StandardSchemaV1.Issue[]): StandardSchemaV1<unknown, Data> {
  return { '~standard': { version: 1, vendor: 'test', validate: () => ({ issues }) } }
}

test.each<[string, readonly StandardSchemaV1.Issue[]]>([
  ['data: wrong', [{ message: 'wrong' }]],
  ['data: wrong', [{ message: 'wrong', path: [] }]],
  ['a.0.b: wrong', [{ message: 'wrong', path: ['a', 0, { key: 'b' }] }]],
  ['Symbol(s): wrong', [{ message: 'wrong', path: [Symbol('s')] }]],
  [
    'a: wrong; b: wronger',
    [
      { message: 'wrong', path: ['a'] },
      { message: 'wronger', path: ['b'] },
    ],
  ],
])('issues are shown as %s', async (shown, issues) => {
  const guard = createDataGuard(failing(issues), undefined)
  await expect(guard.check(valuesOf({}))).rejects.toThrow(`do not fit its schema: ${shown}.`)
})

test('a schema may answer now or later', async () => {
  const later: StandardSchemaV1<unknown, Data> = {
    '~standard': { version: 1, vendor: 'test', validate: async () => ({ value: { views: 7 } }) },
  }
  expect(await createDataGuard(later, undefined).read(valuesOf({}))).toEqual({
    values: valuesOf({ views: 7 }),
    migrated: false,
  })
})
