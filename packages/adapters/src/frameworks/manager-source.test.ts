import { createSessionManager, type SessionManager } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { expect, test } from 'vitest'
import { secret } from '../../../../test/support/cloakroom.ts'
import { managerFinder } from './manager-source.ts'

function make(): SessionManager {
  return createSessionManager({ secrets: [secret], store: memoryStore() })
}

test('a manager is the manager of every request', () => {
  const manager = make()
  const find = managerFinder(manager)
  expect(find({})).toBe(manager)
  expect(find(undefined)).toBe(manager)
})

test('a function is called once for each env, with that env', () => {
  const calls: object[] = []
  const find = managerFinder((env: object) => {
    calls.push(env)
    return make()
  })
  const [one, two] = [{}, {}]
  const managers = [find(one), find(two), find(one), find(two)]
  expect(calls).toEqual([one, two])
  expect(calls[0]).toBe(one)
  expect(managers[2]).toBe(managers[0])
  expect(managers[3]).toBe(managers[1])
  expect(managers[1]).not.toBe(managers[0])
})

test.for([undefined, null, 'env', 7])('a function is called once where there is no env: %s', (env) => {
  let calls = 0
  const find = managerFinder(() => {
    calls++
    return make()
  })
  expect(find(env)).toBe(find(env))
  expect(calls).toBe(1)
})

test('a function is not called before the first request', () => {
  let calls = 0
  managerFinder(() => {
    calls++
    return make()
  })
  expect(calls).toBe(0)
})

test('a function that throws is called again', () => {
  let calls = 0
  const find = managerFinder(() => {
    calls++
    if (calls === 1) throw new Error('The secret is not there yet.')
    return make()
  })
  expect(() => find({})).toThrow('not there yet')
  expect(find({})).toBeDefined()
})
