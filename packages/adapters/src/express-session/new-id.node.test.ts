import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { expect, onTestFinished, test, vi } from 'vitest'
import { newId } from './new-id.ts'

test('ids are 24 random bytes each, none of them given out twice', () => {
  const made: Buffer[] = []
  const fill = crypto.randomFillSync
  const spy = vi.spyOn(crypto, 'randomFillSync')
  spy.mockImplementation(((bytes: Buffer) => {
    fill(bytes)
    made.push(Buffer.from(bytes))
    return bytes
  }) as never)
  syncBuiltinESMExports()
  onTestFinished(() => {
    spy.mockRestore()
    syncBuiltinESMExports()
  })
  // What an earlier call has left in store comes first.
  while (made.length === 0) newId()
  const first = made[0]!.toString('base64url', 0, 24)
  const ids = Array.from({ length: 200 }, newId)
  expect(ids).not.toContain(first)
  const given = [first, ...ids].join('')
  expect(Buffer.concat(made).toString('base64url').startsWith(given)).toBe(true)
  expect(new Set(ids.map((id) => id.length))).toEqual(new Set([32]))
})
