import { vi } from 'vitest'

/** How often something was decrypted meanwhile. */
export async function decryptionsIn(work: () => unknown): Promise<number> {
  const decrypt = vi.spyOn(crypto.subtle, 'decrypt')
  try {
    await work()
    return decrypt.mock.calls.length
  } finally {
    decrypt.mockRestore()
  }
}
