import { expect, test } from 'vitest'
import { Recent } from './recent.ts'

test('what was set is there, and something new takes its place', () => {
  const recent = new Recent<number>(2)
  expect(recent.get('a')).toBeUndefined()
  recent.set('a', 1)
  recent.set('a', 2)
  expect([recent.get('a'), recent.size]).toEqual([2, 1])
})

test('the last ones stay, those before them go, and there are never more than twice as many', () => {
  const recent = new Recent<number>(10)
  for (let count = 0; count < 1000; count++) {
    recent.set(`${count}`, count)
    expect(recent.size).toBeLessThanOrEqual(20)
    for (let back = 0; back < Math.min(10, count); back++) {
      expect(recent.get(`${count - back}`)).toBe(count - back)
    }
  }
  expect(recent.get('900')).toBeUndefined()
})

test('what is asked for again and again stays', () => {
  const recent = new Recent<number>(10)
  recent.set('kept', 1)
  for (let count = 0; count < 1000; count++) {
    recent.set(`${count}`, count)
    if (count % 5 === 0) expect(recent.get('kept')).toBe(1)
  }
})
