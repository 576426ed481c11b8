import { expect, test } from 'vitest'
import { createShards } from './shards.ts'

test('a key has one map', () => {
  const mapOf = createShards<string, number>()
  for (const key of ['', 'a', 'b', 'ü', '😀', 'a'.repeat(1000)]) mapOf(key).set(key, key.length)
  for (const key of ['', 'a', 'b', 'ü', '😀', 'a'.repeat(1000)]) expect(mapOf(key).get(key)).toBe(key.length)
})

test.each<[string, (nth: number) => string]>([
  ['numbers', (nth) => `${1_000_000 + nth}`],
  ['names with an ending in common', (nth) => `ada.${nth}@example.com`],
  ['digits of random text', (nth) => Math.sin(nth).toString(36).slice(3)],
])('no map has more than a small share of the keys: %s', (_, keyOf) => {
  const mapOf = createShards<string, number>()
  const maps = new Set<Map<string, number>>()
  const keys = Array.from({ length: 20_000 }, (_, nth) => keyOf(nth))
  for (const key of keys) maps.add(mapOf(key).set(key, 1))
  expect(Math.max(...Array.from(maps, ({ size }) => size))).toBeLessThan(20_000 / 20)
})
