import { randomFillSync } from 'node:crypto'

const idBytes = 24

/** Random bytes in store: to ask for them costs twenty times what an id costs otherwise. */
const pool = Buffer.alloc(64 * idBytes)
let used = pool.length

/** A new id: 24 random bytes in base64url, as express-session makes them. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const next = used + idBytes
  const id = pool.toString('base64url', used, next)
  // No byte is given out twice, or stays in memory after it was.
  pool.fill(0, used, next)
  used = next
  return id
}
