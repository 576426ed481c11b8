import { SessionError } from '../errors.ts'

/**
 * The JSON text of a value; throws `ERR_SESSION_DATA` naming the place for what would not come back as it was:
 * functions, symbols, BigInt, NaN, holes, cycles, and objects of a class such as Date or Map.
 */
export function toJsonText(key: string, value: unknown): string {
  assertJson(value, key)
  return JSON.stringify(value)
}

/** A client can send nesting that overflows the stack in a few kilobytes, and an application may pass it on. */
const deepest = 100

/** Throws `ERR_SESSION_DATA` when JSON cannot carry the value; `key` is what it is called. */
export function assertJson(value: unknown, key: string): void {
  const fault = isScalar(value) ? null : faultIn(value, [])
  if (fault !== null)
    throw new SessionError('ERR_SESSION_DATA', `A session cannot keep '${key}${fault.at}': it ${fault.what}.`)
}

/** What is wrong with a part of a value, and where the part is: `.list[2]`. */
interface Fault {
  readonly at: string
  readonly what: string
}

/** The first fault; `around` are the objects that hold the value. Places are put together only when there is one. */
function faultIn(value: unknown, around: object[]): Fault | null {
  const what = faultOf(value, around)
  if (what !== null) return { at: '', what }
  if (typeof value !== 'object' || value === null) return null
  around.push(value)
  const fault = Array.isArray(value) ? faultInArray(value, around) : faultInObject(value, around)
  around.pop()
  return fault
}

function faultInArray(list: readonly unknown[], around: object[]): Fault | null {
  // By index, so that a hole is seen.
  for (let at = 0; at < list.length; at++) {
    const fault = isScalar(list[at]) ? null : faultIn(list[at], around)
    if (fault !== null) return { ...fault, at: `[${at}]${fault.at}` }
  }
  return null
}

function faultInObject(object: object, around: object[]): Fault | null {
  for (const name of Object.keys(object)) {
    const member: unknown = object[name as keyof typeof object]
    // JSON leaves out a member that is undefined, and it reads as undefined when it comes back.
    const fault = member === undefined || isScalar(member) ? null : faultIn(member, around)
    if (fault !== null) return { ...fault, at: `.${name}${fault.at}` }
  }
  return null
}

/** What most values are. */
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
