import { afterEach, expect, test, vi } from 'vitest'
import { createQueue } from './queue.ts'
import { within } from './time-limit.ts'

afterEach(() => void vi.useRealTimers())

const second = 1000

test('a task that need not wait for another begins at once', () => {
  const inTurn = createQueue()
  const begun: string[] = []
  const task = (name: string) => async () => void begun.push(name)
  void inTurn('one', task('first of one'))
  void inTurn('one', task('second of one'))
  void inTurn('two', task('first of two'))
  expect(begun).toEqual(['first of one', 'first of two'])
})

test('tasks of one key come in order, whether those before succeed, reject or throw', async () => {
  const inTurn = createQueue()
  const failure = new Error('no')
  const begun: number[] = []
  const works = [0, 1, 2, 3].map((nth) =>
    inTurn('key', () => {
      begun.push(nth)
      if (nth === 2) throw failure
      return nth === 1 ? Promise.reject(failure) : Promise.resolve(nth)
    }),
  )
  expect(await Promise.allSettled(works)).toEqual([
    { status: 'fulfilled', value: 0 },
    { status: 'rejected', reason: failure },
    { status: 'rejected', reason: failure },
    { status: 'fulfilled', value: 3 },
  ])
  expect(begun).toEqual([0, 1, 2, 3])
  const throwing = inTurn('a key of its own', () => {
    throw failure
  })
  await expect(throwing).rejects.toBe(failure)
})

test('a task that takes too long fails, the next has its turn, and no timer is left', async () => {
  vi.useFakeTimers()
  const inTurn = createQueue()
  const limited = (work: Promise<unknown>): Promise<unknown> => within(second, 'late', work)
  const stuck = expect(inTurn('key', () => limited(new Promise(() => {})))).rejects.toThrow('late')
  const next = inTurn('key', async () => 'done')
  const failing = inTurn('other', () => limited(Promise.reject(new Error('no'))))
  await expect(failing).rejects.toThrow('no')
  await vi.advanceTimersByTimeAsync(second - 1)
  expect(vi.getTimerCount()).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  await stuck
  expect(await next).toBe('done')
  expect(vi.getTimerCount()).toBe(0)
})
