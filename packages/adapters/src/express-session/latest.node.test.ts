import { expect, test } from 'vitest'
import { Latest } from './latest.ts'

test('it holds the latest of what was added, however much that is', () => {
  const latest = new Latest<number, string>(3)
  for (let key = 0; key < 1000; key++) {
    latest.add(key, `value ${key}`)
    const held = Array.from({ length: 6 }, (_, back) => latest.get(key - back))
    const wanted = [0, 1, 2].map((back) => (key - back < 0 ? undefined : `value ${key - back}`))
    expect(held).toEqual([...wanted, undefined, undefined, undefined])
  }
})
