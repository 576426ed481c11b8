import { cookieValues } from './cookie-header.ts'
import type { SessionCookie } from './session-cookie.ts'
import type { CookieLife } from './set-cookie.ts'

/** What a `Cookie` header has of one split cookie. */
export interface PresentedCookie {
  /** Whether it has any cookie of ours, be it a part alone. */
  readonly isPresent: boolean
  /** Whether it has more different cookies of the head's name than are looked at (8); then there are no values. */
  readonly tooMany: boolean
  /**
   * Each distinct value that is there whole, in the header's order; 8 at most. Only who opens one knows its worth. When
   * there are none of a cookie that is present, and not too many, then what is there is torn.
   */
  readonly values: readonly string[]
  /** The numbers (1 to 15, ascending) under which there are parts, whether or not they belong to a value. */
  readonly parts: readonly number[]
}

/** The fields for a value, and its measure. */
export interface SplitFields {
  /** The length of the value, in octets. */
  readonly needed: number
  /** The longest value that fits, in octets: what the names and attributes of `maxParts` cookies leave. */
  readonly allowed: number
  /** The `Set-Cookie` fields; null when more is needed than allowed. */
  readonly fields: readonly string[] | null
}

/** A cookie whose value may take several: the head, and the parts `<name>.1`, `<name>.2`… of the same scope. */
export interface SplitCookie {
  /** The name of the head. */
  readonly name: string
  /** Joins what the header has. Takes time linear in its length and never throws; how long it may be, the caller says. */
  read(header: string): PresentedCookie
  /**
   * The fields that set the value, in as few cookies as it needs, and that remove those parts of `presented` that it
   * does not need.
   *
   * @param value Letters, digits, `-`, `_` and `.`; its last 8 characters differ with each write, as those of an
   *   authentication tag do.
   * @param life Counts when the cookie outlives the browser.
   * @param remember Whether it does; null or nothing leaves that to the option `persistent`.
   * @param presented The parts that the request had.
   */
  set(
    value: string,
    life: CookieLife,
    remember: boolean | null | undefined,
    presented: readonly number[],
  ): SplitFields
  /** The fields that remove the head and the parts that the request had. */
  remove(presented: readonly number[]): readonly string[]
}

/** How many cookies of one value are looked for, whatever `maxParts` is now: it may have been more at the last write. */
export const mostParts = 16
/** Browsers keep 4096 octets of name and value (RFC 6265bis §5.6). Some counted the attributes too, so they count here. */
const maxFieldLength = 4096
const maxCandidates = 8
const tagLength = 8
/** The most that splitting takes of a cookie: for the head, and less for a part with the number in its name. */
const overhead = '~99999~'.length + tagLength
const headForm = /^~([1-9]\d*)~(.{8})/s

/**
 * Lets the value of a cookie take up to `maxParts` cookies (1 to 16).
 *
 * A value that fits into one is written as it is. Otherwise the head is `~<length>~<tag><piece>` and each part
 * `<number>~<tag><piece>`. The tag is that of the write and keeps parts of two writes apart, the number keeps each part
 * in its place, and the length of the whole tells whether something is missing or cut off. The pieces are of one size:
 * that takes no more octets than filling all but the last, and keeps each cookie as far from the limit as can be.
 */
export function createSplitCookie(cookie: SessionCookie, maxParts: number): SplitCookie {
  const cookieAt = (number: number): SessionCookie => (number === 0 ? cookie : cookie.sibling(`.${number}`))

  function read(header: string): PresentedCookie {
    const heads = new Set(cookieValues(header, cookie.name))
    const pieces = new Map<string, string>()
    const parts: number[] = []
    const mentioned = numbersAfter(`${cookie.name}.`, header)
    for (let number = 1; number < mostParts; number++) {
      if (!mentioned.has(number)) continue
      const found = cookieValues(header, cookieAt(number).name)
      if (found.length > 0) parts.push(number)
      for (const part of found) takePiece(pieces, number, part)
    }
    const tooMany = heads.size > maxCandidates
    const whole = [...(tooMany ? [] : heads)].map((head) => join(head, pieces))
    return {
      isPresent: heads.size + parts.length > 0,
      tooMany,
      values: [...new Set(whole.filter((value) => value !== null))],
      parts,
    }
  }

  function set(
    value: string,
    life: CookieLife,
    remember: boolean | null | undefined,
    presented: readonly number[],
  ): SplitFields {
    const whole = cookie.set(value, life, remember)
    const needed = value.length
    const room = Math.max(0, maxFieldLength + needed - whole.length)
    const pieceRoom = room - overhead
    const allowed = Math.max(room, maxParts * pieceRoom)
    if (needed > allowed) return { needed, allowed, fields: null }
    const count = needed <= room ? 1 : Math.ceil(needed / pieceRoom)
    const size = Math.ceil(needed / count)
    const tag = value.slice(-tagLength)
    const pieceAt = (number: number): string => {
      const piece = value.slice(number * size, (number + 1) * size)
      const start = number === 0 ? `~${needed}` : number
      return cookieAt(number).set(`${start}~${tag}${piece}`, life, remember)
    }
    const fields = count === 1 ? [whole] : Array.from({ length: count }, (_, number) => pieceAt(number))
    const stale = presented.filter((number) => number >= count).map((number) => cookieAt(number).remove())
    // Deletions go first, and make room in a jar that is nearly full.
    return { needed, allowed, fields: [...stale, ...fields] }
  }

  return {
    name: cookie.name,
    read,
    set,
    remove: (presented) => [0, ...presented].map((number) => cookieAt(number).remove()),
  }
}

/** Which numbers stand after this text: few names of parts are worth a look. */
function numbersAfter(text: string, header: string): ReadonlySet<number> {
  const numbers = new Set<number>()
  for (let at = header.indexOf(text); at !== -1; at = header.indexOf(text, at)) {
    at += text.length
    numbers.add(Number.parseInt(header.slice(at, at + 2), 10))
  }
  return numbers
}

/** Notes the piece of a part under its number and tag. Of two that differ neither counts: who could say which? */
function takePiece(pieces: Map<string, string>, number: number, part: string): void {
  const start = `${number}~`
  if (!part.startsWith(start)) return
  const at = start.length + tagLength
  const key = part.slice(0, at)
  const piece = part.slice(at)
  pieces.set(key, (pieces.get(key) ?? piece) === piece ? piece : '')
}

/** The value that begins with this head; null when pieces are missing, or are not of the length that it names. */
function join(head: string, pieces: ReadonlyMap<string, string>): string | null {
  if (!head.includes('~')) return head === '' ? null : head
  const [start, length, tag] = headForm.exec(head) ?? []
  if (start === undefined) return null
  let value = head.slice(start.length)
  let number = 1
  do {
    const piece = pieces.get(`${number++}~${tag}`) ?? ''
    if (piece === '') return null
    value += piece
  } while (value.length < Number(length))
  return value.length === Number(length) ? value : null
}
