/** Bytes over their own `ArrayBuffer`: the only kind that WebCrypto accepts. */
export type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Bytes {
  return encoder.encode(text)
}

/** Base64url without padding (RFC 4648 §5). */
export function toBase64url(bytes: Bytes): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** Random bytes in store: to ask the runtime costs more than what is asked for. */
let pool: Bytes = new Uint8Array()
const poolSize = 1024

/** So many random bytes (at most 1024) from the runtime's secure source, as base64url (ASVS 11.5.1). */
export function randomText(bytes: number): string {
  if (pool.length < bytes) pool = crypto.getRandomValues(new Uint8Array(poolSize))
  const text = toBase64url(pool.subarray(0, bytes))
  // No byte is given out twice, or stays in memory after it was.
  pool.fill(0, 0, bytes)
  pool = pool.subarray(bytes)
  return text
}

/** The bytes of a base64url text whose grammar has been checked already. */
export function fromBase64url(text: string): Bytes {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
