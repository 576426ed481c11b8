import type { LeakDetector } from './leak-detector.ts'

/**
 * Hides every key that is imported and every signature that is made by WebCrypto, whoever asks for it: all secrets
 * and all proofs. @returns What ends it.
 */
export function watchCrypto(detector: Pick<LeakDetector, 'hide'>): () => void {
  const { subtle } = crypto
  const { importKey, sign } = subtle
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
  return () => {
    subtle.importKey = importKey
    subtle.sign = sign
  }
}
