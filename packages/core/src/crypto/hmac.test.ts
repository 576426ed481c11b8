import { expect, test, vi } from 'vitest'
import { describeHmac } from '../../../../test/support/hmac-behaviour.ts'
import { deriveHmac } from './hmac-web.ts'
import { createKeyring } from './keyring.ts'

const isWorkerd = globalThis.navigator?.userAgent === 'Cloudflare-Workers'

describeHmac('by WebCrypto', deriveHmac)

test('its key cannot be read back out', async () => {
  const derive = vi.spyOn(crypto.subtle, 'deriveKey')
  const load = vi.spyOn(crypto.subtle, 'importKey')
  try {
    await deriveHmac(new Uint8Array(32), 'p')
    const keys = await Promise.all(
      [derive, load].flatMap(({ mock }) => mock.results.map(({ value }) => value)),
    )
    expect(keys).toHaveLength(2)
    for (const key of keys) expect(key).toHaveProperty('extractable', false)
  } finally {
    derive.mockRestore()
    load.mockRestore()
  }
})

test('a ring takes the variant of its runtime: on Node its proofs come without a promise', async () => {
  const ring = createKeyring(['Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'])
  const proof = ring.sign('session-token', 'message')
  expect(proof instanceof Promise).toBe(isWorkerd)
  const verdict = ring.verify('session-token', 'message', await proof)
  expect(verdict instanceof Promise).toBe(isWorkerd)
  expect(await verdict).toBe(0)
})
