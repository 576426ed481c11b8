import { SessionError } from '../errors.ts'

/**
 * The JSON text of a value; throws `ERR_SESSION_DATA` naming the place for what would not come back as it was:
 * functions, symbols, BigInt, NaN, holes, cycles, and objects of a class such as Date or Map.
 */
export function toJsonText(key: string, value: unknown): string {
  assertJson(value, key, [])
  return JSON.stringify(value)
}

/** A client can send nesting that overflows the stack in a few kilobytes, and an application may pass it on. */
const deepest = 100

/** Throws `ERR_SESSION_DATA` when JSON cannot carry the value. `around` are the objects that hold it. */
export function assertJson(value: unknown, path: string, around: readonly object[]): void {
  const fault = faultOf(value, around)
  if (fault !== null)
    throw new SessionError('ERR_SESSION_DATA', `A session cannot keep '${path}': it ${fault}.`)
  if (typeof value !== 'object' || value === null) return
  const inside = [...around, value]
  const isArray = Array.isArray(value)
  // Unlike Object.entries, Array.from sees holes.
  for (const [name, member] of isArray ? Array.from(value).entries() : Object.entries(value)) {
    // JSON leaves out a member that is undefined, and it reads as undefined when it comes back.
    if (!isScalar(member) && (isArray || member !== undefined))
      assertJson(member, isArray ? `${path}[${name}]` : `${path}.${name}`, inside)
  }
}

/** What most values are; to name the place of each would be in vain. */
function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isFinite(value)
}

function faultOf(value: unknown, around: readonly object[]): string | null {
  if (typeof value === 'number')
    return Number.isFinite(value) ? null : `is ${value}, which JSON writes as null`
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return null
  if (typeof value === 'bigint') return 'is a BigInt; keep it as a string'
  if (value === undefined) return 'is undefined inside an array; use null'
  if (typeof value !== 'object') return `is a ${typeof value}`
  if (around.includes(value)) return 'contains itself; JSON has no cycles'
  if (around.length >= deepest) return `is nested more than ${deepest} deep`
  if (Array.isArray(value)) return null
  const prototype: unknown = Object.getPrototypeOf(value)
  // An object of no class, also one from another realm, whose Object.prototype is not ours.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return null
  return `is a ${value.constructor?.name || 'object of a class'}; keep ${substituteFor(value)}`
}

function substituteFor(value: object): string {
  if (value instanceof Date) return 'value.toISOString() or value.getTime()'
  if (value instanceof Map) return 'Object.fromEntries(value) or [...value]'
  return value instanceof Set ? '[...value]' : 'a plain object of its fields'
}
