/** The longest `Cookie` header that is looked at, in characters. */
export const maxCookieHeader = 16_384

/**
 * All values that a `Cookie` header has for one name, in order (RFC 6265bis §5.6 read from the server's side).
 *
 * Pairs are separated by `;`; spaces and tabs around name and value are dropped; the first `=` splits; a pair
 * without `=` has no name. Names are case-sensitive. Nothing is decoded and quotes belong to the value: what a
 * browser sends is what it was given. Runs in time linear in the header's length and never throws.
 */
export function cookieValues(header: string, name: string): string[] {
  const values: string[] = []
  let at = name === '' ? -1 : header.indexOf(name)
  while (at !== -1) {
    const afterName = skipBlanks(header, at + name.length)
    if (header[afterName] === '=' && startsPair(header, at)) {
      const semicolon = header.indexOf(';', afterName)
      const end = semicolon === -1 ? header.length : semicolon
      values.push(trimBlanks(header, afterName + 1, end))
      at = header.indexOf(name, end)
    } else {
      at = header.indexOf(name, at + name.length)
    }
  }
  return values
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}

function startsPair(header: string, at: number): boolean {
  let before = at - 1
  while (isBlank(header[before])) before--
  return before < 0 || header[before] === ';'
}

function skipBlanks(header: string, from: number): number {
  let at = from
  while (isBlank(header[at])) at++
  return at
}

function trimBlanks(header: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(header[start])) start++
  while (end > start && isBlank(header[end - 1])) end--
  return header.slice(start, end)
}
