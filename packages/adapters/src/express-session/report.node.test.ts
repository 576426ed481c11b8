import type { SessionEvent } from '@coatcheck/core'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { reporterOf } from './report.ts'

const insecure: SessionEvent = { type: 'insecure', reason: 'plain-http', remedy: 'Use https.' }
const withheld: SessionEvent = { type: 'withheld', id: null, change: 'create' }
const gone = { type: 'gone', id: 'sid' } as unknown as SessionEvent

afterEach(() => void vi.restoreAllMocks())

test('a hook is told of every event, and nothing is printed', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const events: SessionEvent[] = []
  const report = reporterOf((event) => events.push(event))
  for (const event of [insecure, gone, withheld, insecure]) report(event)
  expect(events).toEqual([insecure, gone, withheld, insecure])
  expect(warn).not.toHaveBeenCalled()
})

test('what a hook throws is printed, and harms nobody', () => {
  const print = vi.spyOn(console, 'error').mockImplementation(() => {})
  const failure = new Error('The hook is broken.')
  const report = reporterOf(() => {
    throw failure
  })
  expect(() => report(insecure)).not.toThrow()
  expect(print.mock.calls).toEqual([['coatcheck: the onEvent hook threw', failure]])
})

describe('without a hook', () => {
  test('the silences that cost days are broken once each, by each middleware', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    for (const report of [reporterOf(undefined), reporterOf(undefined)]) {
      for (const event of [gone, insecure, withheld, withheld, insecure]) report(event)
    }
    const warnings = [
      ['coatcheck: no session cookie was set (plain-http). Use https.'],
      [expect.stringMatching(/^coatcheck: a new session was first changed after the head .* is lost/)],
    ]
    expect(warn.mock.calls).toEqual([...warnings, ...warnings])
  })

  test('what is no mistake is not mentioned', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    reporterOf(undefined)(gone)
    expect(warn).not.toHaveBeenCalled()
  })
})
