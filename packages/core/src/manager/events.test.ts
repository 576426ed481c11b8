import { expect, test, vi } from 'vitest'
import type { SessionId } from '../crypto/token.ts'
import { safely, warnWhenInsecure, type SessionEvent } from './events.ts'

const id = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw' as SessionId
const touched: SessionEvent = { type: 'touched', id }
const insecure: SessionEvent = { type: 'insecure', reason: 'plain-http', remedy: 'Use https.' }

test('the hook gets each event as it is', () => {
  const seen: SessionEvent[] = []
  const onEvent = safely((event) => seen.push(event))
  onEvent(touched)
  onEvent(insecure)
  expect(seen).toEqual([touched, insecure])
})

test('what the hook throws is printed, and never reaches the request', () => {
  const print = vi.spyOn(console, 'error').mockImplementation(() => {})
  try {
    const fault = new Error('no such table')
    const onEvent = safely(() => {
      throw fault
    })
    expect(() => onEvent(touched)).not.toThrow()
    expect(print).toHaveBeenCalledExactlyOnceWith('coatcheck: the onEvent hook threw', fault)
  } finally {
    print.mockRestore()
  }
})

test('what an asynchronous hook rejects with is printed as well, and nobody waits for it', async () => {
  const print = vi.spyOn(console, 'error').mockImplementation(() => {})
  try {
    const fault = new Error('no such table')
    const hook: () => unknown = async () => {
      await Promise.resolve()
      throw fault
    }
    const onEvent = safely(hook)
    expect(onEvent(touched)).toBeUndefined()
    expect(print).not.toHaveBeenCalled()
    await vi.waitFor(() => {
      expect(print).toHaveBeenCalledExactlyOnceWith('coatcheck: the onEvent hook threw', fault)
    })
  } finally {
    print.mockRestore()
  }
})

test('without a hook, an insecure transport is warned of, once for each manager, and nothing else', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  try {
    const onEvent = warnWhenInsecure()
    onEvent(touched)
    expect(warn).not.toHaveBeenCalled()
    onEvent(insecure)
    onEvent(insecure)
    onEvent({ ...insecure, reason: 'untrusted-proxy' })
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      'coatcheck: no session cookie was set (plain-http). Use https.',
    )
    warnWhenInsecure()(insecure)
    expect(warn).toHaveBeenCalledTimes(2)
  } finally {
    warn.mockRestore()
  }
})
