// What text databases keep differs: PostgreSQL refuses NUL, some drivers of SQLite cut at it, PGlite drops a byte order
// mark at the start, and lone surrogates become U+FFFD everywhere. These and the control characters are therefore
// written as ESC and four hex digits. JSON, which is what core stores, has hardly any: its text can be read and
// searched in the database as it is.
const escape = '\u001B'
const unstorable = /[\p{Cc}\p{Cs}\uFEFF]/gu

/** The bytes that a user id of 255 characters takes at most. */
export const longestUserId: number = 255 * 5

/** Text as it is stored: without what databases refuse or change, and different for different text. */
export function encodeText(text: string): string {
  return text.replace(unstorable, (character) => escape + hexOf(character.charCodeAt(0)))
}

/** Text as it was before {@link encodeText}. */
export function decodeText(stored: string): string {
  const [first = '', ...others] = stored.split(escape)
  const decoded = others.map(
    (part) => String.fromCharCode(Number.parseInt(part.slice(0, 4), 16)) + part.slice(4),
  )
  return first + decoded.join('')
}

function hexOf(unit: number): string {
  return unit.toString(16).padStart(4, '0')
}
