import type { SessionId } from '../crypto/token.ts'

/** How much of an id is shown: enough to find its lines in a log. */
const shortLength = 8

/** The longest text from outside that is shown, in characters. */
const longest = 200

// Controls end lines and steer terminals; marks of direction and lone surrogates make a line look like another one.
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\\]/gu
const tokens = /[\w-]{43}\.[\w-]{43}/g
const credentials = /:\/\/[^\s/?#]*@/g

/** The beginning of an id. */
export function shortId(id: SessionId): string {
  return id.slice(0, shortLength)
}

/**
 * A text of unknown origin, fit for a line of a log (ASVS 16.4.1): nothing in it can begin a line, steer a terminal or
 * hide what follows. What could be a token, or the credentials of a URL, is left out; what is too long, cut.
 */
export function printable(text: string): string {
  const safe = text.replace(tokens, '[token]').replace(credentials, '://[hidden]@')
  const cut = safe.length > longest ? `${safe.slice(0, longest)}…` : safe
  return cut.replace(unprintable, escaped)
}

/** Name and message of what was thrown. Its stack and its properties may hold anything. */
export function printableError(error: unknown): string {
  if (!(error instanceof Error))
    return printable(typeof error === 'string' ? error : `a thrown ${typeof error}`)
  // Node leaves the message empty where several addresses of a host failed.
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return printable(`${error.name}: ${error.message || code}`)
}

function escaped(character: string): string {
  if (character === '\\') return '\\\\'
  return `\\u{${character.codePointAt(0)!.toString(16)}}`
}
