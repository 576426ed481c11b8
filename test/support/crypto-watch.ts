import nodeCrypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { LeakDetector } from './leak-detector.ts'

/**
 * Hides every key that is imported or derived from and every signature that is made by WebCrypto, or by the functions
 * of node:crypto that the library uses, whoever asks for it: all secrets and all proofs. @returns What ends it.
 */
export function watchCrypto(detector: Pick<LeakDetector, 'hide'>): () => void {
  const { subtle } = crypto
  const { importKey, sign } = subtle
  const { createHmac, hkdfSync } = nodeCrypto
  subtle.importKey = new Proxy(importKey, {
    apply(target, _, args: Parameters<typeof importKey>) {
      const [format, key] = args
      if (format === 'raw') detector.hide('a secret', Buffer.from(key as Uint8Array).toString())
      return Reflect.apply<SubtleCrypto, typeof args, ReturnType<typeof importKey>>(target, subtle, args)
    },
  })
  subtle.sign = new Proxy(sign, {
    async apply(target, _, args: Parameters<typeof sign>) {
      const signature = await Reflect.apply(target, subtle, args)
      detector.hide('a proof', Buffer.from(signature).toString('base64url'))
      return signature
    },
  })
  nodeCrypto.hkdfSync = (digest, key, ...rest) => {
    if (key instanceof Uint8Array) detector.hide('a secret', Buffer.from(key).toString())
    return hkdfSync(digest, key, ...rest)
  }
  nodeCrypto.createHmac = (...args) => {
    const hmac = createHmac(...args)
    hmac.digest = new Proxy(hmac.digest, {
      apply(target, self, [encoding]: [BufferEncoding?]) {
        const signature = Reflect.apply(target, self, []) as unknown as Buffer
        detector.hide('a proof', signature.toString('base64url'))
        return encoding === undefined ? signature : signature.toString(encoding)
      },
    })
    return hmac
  }
  // Whoever imports these by name sees them, too.
  syncBuiltinESMExports()
  return () => {
    Object.assign(subtle, { importKey, sign })
    Object.assign(nodeCrypto, { createHmac, hkdfSync })
    syncBuiltinESMExports()
  }
}
