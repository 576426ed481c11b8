import { describe, expect, test } from 'vitest'
import { orNull, run, wait, type Maybe, type Steps } from './steps.ts'

const down = new Error('ECONNREFUSED')
const later = <Value>(value: Value): Promise<Value> => Promise.resolve(value)
const broken = (): Promise<never> => Promise.reject(down)

/** Work that waits for each of these in turn, and gives what they are. */
function* collect<Value>(values: readonly Maybe<Value>[]): Steps<Value[]> {
  const collected: Value[] = []
  for (const value of values) collected.push(yield* wait(value))
  return collected
}

describe('work that need not wait', () => {
  test.each([[0], [''], [false], [null], [undefined], [{}], [() => 1]])(
    'gives its value as it is, without a promise: %j',
    (value) => {
      expect(run(wait(value))).toBe(value)
      expect(run(collect([value, value]))).toEqual([value, value])
    },
  )

  test('is done when `run` returns, however deep it goes', () => {
    const order: string[] = []
    function* descend(depth: number): Steps<number> {
      order.push(`in ${depth}`)
      const below = depth === 0 ? 0 : yield* descend(depth - 1)
      order.push(`out ${depth}`)
      return below + (yield* wait(1))
    }
    expect(run(descend(2))).toBe(3)
    expect(order).toEqual(['in 2', 'in 1', 'in 0', 'out 0', 'out 1', 'out 2'])
  })

  test('throws at once, and is cleaned up before', () => {
    const order: string[] = []
    function* work(): Steps<void> {
      try {
        yield* wait(1)
        throw down
      } finally {
        order.push('finally')
      }
    }
    expect(() => run(work())).toThrow(down)
    expect(order).toEqual(['finally'])
  })

  test('may catch what it throws, and still needs no promise', () => {
    function* work(): Steps<string> {
      try {
        yield* wait(1)
        throw down
      } catch (error) {
        return (error as Error).message
      }
    }
    expect(run(work())).toBe('ECONNREFUSED')
  })
})

describe('work that waits', () => {
  test('goes as far as it can before it does, and after one promise all the rest comes later', async () => {
    const order: string[] = []
    function* work(): Steps<string> {
      order.push('before')
      const value = yield* wait(later('value'))
      order.push('after')
      yield* wait('at once')
      order.push('at the end')
      return value
    }
    const result = run(work())
    order.push('run has returned')
    expect(result).toBeInstanceOf(Promise)
    expect(await result).toBe('value')
    expect(order).toEqual(['before', 'run has returned', 'after', 'at the end'])
  })

  test('keeps the order of its steps, those that wait and those that do not', async () => {
    const values = Array.from({ length: 2000 }, (_, at) => (at % 3 === 0 ? at : later(at)))
    expect(await run(collect(values))).toEqual(values.map((_, at) => at))
  })

  test('does not go on before the promise has settled', async () => {
    const gate = Promise.withResolvers<string>()
    const order: string[] = []
    function* work(): Steps<void> {
      order.push(yield* wait(gate.promise))
    }
    const result = run(work())
    for (let turn = 0; turn < 20; turn++) await later(turn)
    expect(order).toEqual([])
    gate.resolve('opened')
    await result
    expect(order).toEqual(['opened'])
  })

  test('two at once do not get in each other’s way', async () => {
    const first = Promise.withResolvers<number>()
    const second = Promise.withResolvers<number>()
    const results = [run(collect([first.promise, 1])), run(collect([second.promise, 2]))]
    second.resolve(20)
    expect(await results[1]).toEqual([20, 2])
    first.resolve(10)
    expect(await results[0]).toEqual([10, 1])
  })
})

describe('a failure', () => {
  test('is thrown where the work waits for it', async () => {
    const order: string[] = []
    function* work(): Steps<string> {
      try {
        order.push('waits')
        yield* wait(broken())
        order.push('not to be reached')
      } catch (error) {
        order.push('caught')
        expect(error).toBe(down)
      } finally {
        order.push('finally')
      }
      return yield* wait('goes on')
    }
    expect(await run(work())).toBe('goes on')
    expect(order).toEqual(['waits', 'caught', 'finally'])
  })

  test('that nobody catches rejects, after what `finally` has to wait for', async () => {
    const order: string[] = []
    function* work(): Steps<void> {
      try {
        yield* wait(broken())
      } finally {
        order.push(yield* wait(later('cleaned up')))
      }
    }
    await expect(run(work())).rejects.toBe(down)
    expect(order).toEqual(['cleaned up'])
  })

  test.each([
    [
      'where it need not wait',
      function* (): Steps<void> {
        yield* wait(1)
        throw down
      },
    ],
    [
      'after it has waited',
      function* (): Steps<void> {
        yield* wait(later(1))
        throw down
      },
    ],
    ['of what it waits for', () => wait<void>(broken())],
    [
      'of what it waits for later',
      function* (): Steps<void> {
        yield* wait(later(1))
        yield* wait(broken())
      },
    ],
  ] as const)('of work in work is thrown at its call: %s', async (_, inner) => {
    const order: string[] = []
    function* outer(): Steps<unknown> {
      try {
        yield* inner()
      } catch (error) {
        return error
      } finally {
        order.push('finally')
      }
      return null
    }
    expect(await run(outer())).toBe(down)
    expect(order).toEqual(['finally'])
    await expect(async () => run(inner())).rejects.toBe(down)
  })

  test('can be followed by others, each of which is caught', async () => {
    function* work(): Steps<number> {
      let caught = 0
      for (let round = 0; round < 100; round++) {
        try {
          yield* wait(round % 3 === 0 ? later(1) : broken())
        } catch {
          caught++
        }
      }
      return caught
    }
    expect(await run(work())).toBe(66)
  })

  test('may take the place of another one', async () => {
    const other = new Error('the clean-up failed as well')
    function* work(): Steps<void> {
      try {
        yield* wait(broken())
      } catch {
        yield* wait(Promise.reject(other))
      }
    }
    await expect(run(work())).rejects.toBe(other)
  })

  test('of no value at all is a failure too', async () => {
    function* work(): Steps<string> {
      try {
        yield* wait(Promise.reject(undefined))
      } catch (error) {
        return `caught ${String(error)}`
      }
      return 'passed over'
    }
    expect(await run(work())).toBe('caught undefined')
  })
})

describe('orNull', () => {
  test('gives what comes of the work, without a promise where there was none', async () => {
    expect(run(orNull(wait('there')))).toBe('there')
    expect(await run(orNull(wait(later('there'))))).toBe('there')
  })

  test('gives null for a failure, at once or later', async () => {
    function* work(): Steps<string> {
      yield* wait(1)
      throw down
    }
    expect(run(orNull(work()))).toBeNull()
    expect(await run(orNull(wait(broken())))).toBeNull()
    expect(await run(orNull(collect([1, later(2), broken()])))).toBeNull()
  })

  test('lets the work around it go on', async () => {
    function* work(): Steps<unknown[]> {
      return [yield* orNull(wait(broken())), yield* orNull(wait(later(2)))]
    }
    expect(await run(work())).toEqual([null, 2])
  })
})
