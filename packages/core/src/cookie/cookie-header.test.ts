import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import vectors from '../../../../test/vectors/cookies.json' with { type: 'json' }
import { cookieValues, maxCookieHeader } from './cookie-header.ts'

/** The same, written to be obvious: split at semicolons, split at the first '=', trim. */
function reference(header: string, name: string): string[] {
  return header.split(';').flatMap((pair) => {
    const equals = pair.indexOf('=')
    if (equals === -1 || trim(pair.slice(0, equals)) !== name) return []
    return [trim(pair.slice(equals + 1))]
  })
}

function trim(text: string): string {
  return /[^ \t](?:.*[^ \t])?/s.exec(text)?.[0] ?? ''
}

/** mulberry32: a different header each time, and the same ones in each run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const isWorkerd = globalThis.navigator?.userAgent === 'Cloudflare-Workers'

test.each(vectors.cookie.map((vector) => ({ ...vector, shown: vector.header.slice(0, 40) })))(
  'RFC6265bis-4.1.1 RFC6265bis-4.2.1 RFC6265bis-4.2.2 RFC6265bis-5.4 RFC6265bis-5.6 RFC6265bis-6.1 the values are those of their vector, $clause: $shown',
  ({ header, name, values }) => {
    expect(cookieValues(header, name)).toEqual(values)
    // The reference is only worth something if it passes as well.
    expect(reference(header, name)).toEqual(values)
  },
)

test('names that Object.prototype has are names like any other', () => {
  const header = '__proto__=1; constructor=2; __proto__=3; toString=4'
  expect(cookieValues(header, '__proto__')).toEqual(['1', '3'])
  expect(cookieValues(header, 'constructor')).toEqual(['2'])
  expect(cookieValues('theme=dark', 'toString')).toEqual([])
})

const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,5}$/)
const blanks = fc.stringMatching(/^[ \t]{0,3}$/)
const value = fc.string({ unit: 'grapheme' }).map((text) => trim(text.replaceAll(';', '')))

test('RFC6265bis-4.2.1 RFC6265bis-5.6 the values of a name come back in order, whatever blanks surround them', () => {
  const pair = fc.record({ name, value, blanks: fc.tuple(blanks, blanks, blanks, blanks) })
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 12 }), (pairs) => {
      const header = pairs
        .map(({ name, value, blanks: [a, b, c, d] }) => `${a}${name}${b}=${c}${value}${d}`)
        .join(';')
      const wanted = pairs[0]!.name
      const expected = pairs.filter(({ name }) => name === wanted).map(({ value }) => value)
      expect(cookieValues(header, wanted)).toEqual(expected)
    }),
    { seed: 6265, numRuns: 2000 },
  )
})

test('any text at all is read as the reference reads it', () => {
  const header = fc.string({ unit: fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code)) })
  const hostile = fc.string({ unit: fc.constantFrom('s', 'i', 'd', '=', ';', ' ', '\t', '"', 'sid', 'sid=') })
  fc.assert(
    fc.property(
      fc.oneof(header, hostile),
      fc.oneof(name, fc.constantFrom('sid', 's', 'ss')),
      (text, name) => {
        expect(cookieValues(text, name)).toEqual(reference(text, name))
      },
    ),
    { seed: 56, numRuns: 1000 },
  )
})

const fuzzedNames = ['sid', '__Host-Http-sid', 'aa', 'a']
const structure = ['=', '=', ';', ';', '; ', ' ', '\t', ' \t ']
const names = ['sid', 'SID', 'si', 'sidsid', '__Host-Http-sid', '__Host-', 'a', 'aa', 'b', '__proto__']
const oddities = ['"', '\\', '%3D', '%', '\0', '\r\n', '\u00a0', '\u2028', '\u{1f36a}', '\ud800', 'v4l-ue_.']
const debris = [...names, ...oddities, '==', ';=', ';;', ',']

test(
  'a million random headers (in workerd a tenth) never make it throw or find what is not there',
  { timeout: 120_000 },
  () => {
    const random = createRandom(20_260_801)
    const pick = (parts: readonly string[]): string => parts[random(parts.length)]!
    const headers = isWorkerd ? 100_000 : 1_000_000
    let found = 0
    for (let run = 0; run < headers; run++) {
      const name = fuzzedNames[run % fuzzedNames.length]!
      let header = ''
      for (let parts = random(40); parts >= 0; parts--) {
        const kind = random(4)
        header += kind === 0 ? name : pick(kind === 1 ? debris : structure)
      }
      const actual = cookieValues(header, name)
      const expected = reference(header, name)
      const same = actual.length === expected.length && actual.every((value, at) => value === expected[at])
      // `expect` itself a million times would take longer than all the rest.
      if (!same) expect(actual, `${name} in ${JSON.stringify(header)}`).toEqual(expected)
      found += actual.length
    }
    // Not a fuzz of misses: there is something to find in each fifth header.
    expect(found).toBeGreaterThan(headers / 5)
  },
)

const adversarial = [
  'sid',
  'sid ',
  'sid\t=',
  'sid=',
  'sid=;',
  ';sid=',
  ' ',
  ' \t',
  ';',
  '; ',
  ';=',
  '=',
  'sid;',
  ' sid',
  'sid; =',
  'si',
  's',
]
/** Starts and ends that turn a repetition into one long pair, or into its prefix. */
const surroundings = [
  ['', ''],
  ['sid', '=1'],
  ['', 'sid=1'],
  ['sid=', ''],
  ['a=1;', ';sid=1'],
] as const

const adversarialHeaders = (length: number): string[] =>
  adversarial.flatMap((part) =>
    surroundings.map(
      ([before, after]) =>
        `${before}${part.repeat(length).slice(0, length - before.length - after.length)}${after}`,
    ),
  )

test('16 KiB of repetition is read as the reference reads it', () => {
  for (const header of adversarialHeaders(maxCookieHeader)) {
    expect(header).toHaveLength(maxCookieHeader)
    expect(cookieValues(header, 'sid')).toEqual(reference(header, 'sid'))
  }
})

/** A header that counts the characters that are looked at, by whichever method. */
function counted(text: string): { readonly header: string; steps(): number } {
  let steps = 0
  const members: Record<string, unknown> = {
    length: text.length,
    indexOf(part: string, from = 0) {
      const found = text.indexOf(part, from)
      steps += (found === -1 ? text.length : found + part.length) - from
      return found
    },
    slice(from: number, to: number) {
      steps += to - from
      return text.slice(from, to)
    },
  }
  const header = new Proxy(members, {
    get(_, key) {
      if (typeof key === 'string' && key in members) return members[key]
      if (typeof key !== 'string' || !/^-?\d+$/.test(key)) throw new Error(`Count ${String(key)} as well.`)
      steps++
      return text[Number(key)]
    },
  })
  return { header: header as unknown as string, steps: () => steps }
}

test('each character is looked at a few times, however long the header is', () => {
  for (const length of [64, 1024, maxCookieHeader]) {
    for (const text of adversarialHeaders(length)) {
      const { header, steps } = counted(text)
      expect(cookieValues(header, 'sid')).toEqual(reference(text, 'sid'))
      expect(steps(), JSON.stringify(text.slice(0, 20))).toBeLessThanOrEqual(5 * length)
    }
  }
})

test('an empty name has no values: a pair without a name is nobody’s', () => {
  expect(cookieValues('=a; b; =c', '')).toEqual([])
})
