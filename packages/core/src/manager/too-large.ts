import { SessionError } from '../errors.ts'
import type { Values } from '../session/values.ts'

const named = 3

/** The error of a session that does not fit into its cookies; names the keys that take most. */
export function tooLargeError(values: Values, needed: number, allowed: number): SessionError {
  const sizes = Object.entries(values).map(([key, value]) => ({ key, size: JSON.stringify(value).length }))
  const biggest = sizes
    .toSorted((a, b) => b.size - a.size)
    .slice(0, named)
    .map(({ key, size }) => `${JSON.stringify(key)} (${size} characters of JSON)`)
  return new SessionError(
    'ERR_SESSION_TOO_LARGE',
    `The sealed session takes ${needed} octets and its cookies hold ${allowed}. The biggest keys: ${biggest.join(', ')}. Keep less in it, raise maxParts, or keep sessions in a store.`,
  )
}
