/** Bytes over their own `ArrayBuffer`: the only kind that WebCrypto accepts. */
export type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Bytes {
  return encoder.encode(text)
}

const alphabet = utf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')

/** Base64url without padding (RFC 4648 §5), of some hundred bytes at most. */
export function toBase64url(bytes: Bytes): string {
  const characters: number[] = []
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff
    for (bits += 8; bits >= 6; bits -= 6) characters.push(alphabet[(held >> (bits - 6)) & 63]!)
  }
  if (bits > 0) characters.push(alphabet[(held << (6 - bits)) & 63]!)
  return String.fromCharCode(...characters)
}

/** Random bytes in store: to ask the runtime costs more than what is asked for. */
let pool: Bytes = new Uint8Array()
let poolAt = 0
const poolSize = 1024

/** So many random bytes (at most 1024) from the runtime's secure source, as base64url (ASVS 11.5.1). */
export function randomText(bytes: number): string {
  if (pool.length < poolAt + bytes) {
    pool = crypto.getRandomValues(new Uint8Array(poolSize))
    poolAt = 0
  }
  const text = toBase64url(pool.subarray(poolAt, poolAt + bytes))
  // No byte is given out twice, or stays in memory after it was.
  pool.fill(0, poolAt, poolAt + bytes)
  poolAt += bytes
  return text
}

/** The bytes of a base64url text whose grammar has been checked already. */
export function fromBase64url(text: string): Bytes {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
