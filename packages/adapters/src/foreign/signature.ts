import { check, parseObject } from './reader.ts'

/** Whether one of several secrets has made a signature. */
export type VerifySignature = (signature: string, text: string) => Promise<boolean>

/**
 * Verifies HMACs in base64 or base64url without padding, whose grammar has been checked already.
 *
 * @param option Names the secrets when they are refused with `ERR_SESSION_CONFIG`.
 */
export function createVerifier(
  secrets: readonly string[],
  hash: 'SHA-1' | 'SHA-256',
  option: string,
): VerifySignature {
  const isList = Array.isArray(secrets) && secrets.length > 0
  check(
    isList,
    option,
    'must be a list with the secrets that signed the cookies; unsigned ones anybody can write',
  )
  const ring = secrets.map((secret, index) => {
    const isText = typeof secret === 'string' && secret !== ''
    check(isText, `${option}[${index}]`, 'must be a string that is not empty')
    return keyOf(secret, hash)
  })
  return async (signature, text) => {
    const bytes = bytesOf(signature.replaceAll('-', '+').replaceAll('_', '/'))
    const message = new TextEncoder().encode(text)
    for (const key of ring) {
      if (await crypto.subtle.verify('HMAC', await key(), bytes, message)) return true
    }
    return false
  }
}

/** The object whose JSON a text holds in base64; null when it holds something else. */
export function decodeObject(base64: string): object | null {
  try {
    return parseObject(new TextDecoder().decode(bytesOf(base64)))
  } catch {
    return null
  }
}

/** Imports a key at first use: outside of requests, Workers allow no cryptography. */
function keyOf(secret: string, hash: string): () => Promise<CryptoKey> {
  // The key itself is kept and not its promise: in workerd a promise belongs to the request that made it.
  let known: CryptoKey | undefined
  return async () => {
    const bytes = new TextEncoder().encode(secret)
    return (known ??= await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash }, false, ['verify']))
  }
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}
