import { check } from '../errors.ts'
import { utf8 } from './bytes.ts'

const minimumBytes = 32
const minimumVariety = 10

const remedy =
  'Make one with `npx @coatcheck/core secret` or `openssl rand -base64 32` and keep it outside the code'

/** What tutorials put in a secret's place; no random text of 32 bytes holds one by chance. */
const sample =
  /(change|replace).?(me|this)|keyboard.?cat|(your|my|super|top|test).?(session|secret)|secret.?key|pass.?(word|phrase)|at.?least.?\d|example|placeholder|insecure|dummy|0102030405/i

/**
 * Refuses a secret that can be guessed: shorter than 32 bytes, regular, or taken from a tutorial (ASVS 13.3.1).
 * The message shows how to make a good one, and never the secret itself.
 */
export function assertStrongSecret(secret: unknown, option: string): asserts secret is string {
  const fault = faultOf(secret)
  check(fault === null, option, `${fault}. ${remedy}`)
}

function faultOf(secret: unknown): string | null {
  if (secret === undefined || secret === null) return 'is missing: is the environment variable set?'
  if (typeof secret !== 'string') return `is of type ${typeof secret}; a secret is a string`
  const { length } = utf8(secret)
  if (length < minimumBytes) return `has ${length} bytes; a secret has at least ${minimumBytes}`
  if (sample.test(secret)) return 'looks like a sample from documentation'
  return isRegular(secret) ? 'is too regular to be random' : null
}

/** Whether few characters make it up, it repeats itself to its end, or most of it counts up or down. */
function isRegular(text: string): boolean {
  let steps = 0
  for (let at = 1; at < text.length; at++) {
    if (at <= text.length / 2 && text.startsWith(text.slice(at))) return true
    if (Math.abs(text.charCodeAt(at) - text.charCodeAt(at - 1)) <= 1) steps++
  }
  return steps > text.length / 2 || new Set(text).size < minimumVariety
}
