import { CompactEncrypt, GeneralEncrypt } from 'jose'
import { describe, expect, test, vi } from 'vitest'
import { decryptionsIn } from '../../../../test/support/decryptions.ts'
import { contentKeyOf, kidOf, rightHeader, sealByHand } from '../../../../test/support/seal-twin.ts'
import { fromBase64url, randomText, toBase64url, utf8 } from './bytes.ts'
import { createKeyring } from './keyring.ts'
import { createSealer, type SealContext } from './sealer.ts'

const secret = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const context: SealContext = { purpose: 'cookie-session', audience: 'shop', cookieName: 'sid' }
const recipe = { ...context, secret }
const content = '{"user":"ann","n":12}'
const ring = createKeyring([secret, older])
const sealer = createSealer(ring, context)
/** Another process: what it has sealed, the sealer does not remember. */
const maker = createSealer(ring, context)
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const letters = alphabet.split('')
const isWorkerd = globalThis.navigator?.userAgent === 'Cloudflare-Workers'

/** mulberry32: a different token each time, and the same ones in each run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** The verdicts on tokens, which are all refused; fails with the first one that is not, and when one throws. */
async function refusals(tokens: readonly string[]): Promise<{ malformed: number; forged: number }> {
  const count = { malformed: 0, forged: 0 }
  for (let at = 0; at < tokens.length; at += 64) {
    const batch = tokens.slice(at, at + 64)
    const verdicts = await Promise.all(batch.map(async (token) => sealer.open(token)))
    for (const [index, verdict] of verdicts.entries()) {
      if (typeof verdict !== 'string') expect.fail(`opened ${JSON.stringify(batch[index])}`)
      count[verdict]++
    }
  }
  return count
}

/** The token with bytes of one of its segments changed. */
function withSegment(token: string, at: number, change: (bytes: Uint8Array<ArrayBuffer>) => void): string {
  const segments = token.split('.')
  const bytes = fromBase64url(segments[at]!)
  change(bytes)
  return segments.with(at, toBase64url(bytes)).join('.')
}

describe('ASVS-9.1.1 ASVS-11.2.5 of a token that was made here', () => {
  test('each character counts, in each of its bits', async () => {
    const token = await maker.seal(content)
    const changed = token.split('').flatMap((character, at) =>
      Array.from({ length: 8 }, (_, bit) => {
        const other = String.fromCharCode(character.charCodeAt(0) ^ (1 << bit))
        return token.slice(0, at) + other + token.slice(at + 1)
      }),
    )
    const count = await refusals(changed)
    expect(count.malformed + count.forged).toBe(token.length * 8)
    expect(count.forged).toBeGreaterThan(100)
  })

  test('each bit of what it encodes counts, and all but those of the header reach the decryption', async () => {
    const token = await maker.seal(content)
    const flipped = [0, 2, 3, 4].map((segment) => {
      const bits = fromBase64url(token.split('.')[segment]!).length * 8
      return Array.from({ length: bits }, (_, bit) =>
        withSegment(token, segment, (bytes) => {
          bytes[bit >> 3]! ^= 1 << (bit & 7)
        }),
      )
    })
    const [header, ...rest] = flipped as [string[], ...string[][]]
    await refusals(header)
    const tokens = rest.flat()
    expect(tokens).toHaveLength(96 + content.length * 8 + 128)
    expect(await decryptionsIn(async () => expect((await refusals(tokens)).malformed).toBe(0))).toBe(
      tokens.length,
    )
  })

  test('each place for a character takes one of the 64 only', async () => {
    const token = await maker.seal(content)
    const changed = token
      .split('')
      .flatMap((character, at) =>
        character === '.'
          ? []
          : letters
              .filter((other) => other !== character)
              .map((other) => token.slice(0, at) + other + token.slice(at + 1)),
      )
    expect(changed).toHaveLength((token.length - 4) * 63)
    await refusals(isWorkerd ? changed.filter((_, index) => index % 4 === 0) : changed)
  })

  test('no part alone is one, nor is what has a character more, less or twice', async () => {
    const token = await maker.seal(content)
    const changed = Array.from({ length: token.length }, (_, at) => [
      token.slice(0, at),
      token.slice(at + 1),
      token.slice(0, at) + token.slice(at + 1),
      ...['A', '.', '=', ' ', '\n', '\0', '%', '"', '~', '\ud800', token[at]!].map(
        (more) => token.slice(0, at) + more + token.slice(at),
      ),
    ]).flat()
    const ends = ['A', '.', '=', '\n', ' ', ';', '.A', `.${token}`, `\n${token}`].map((more) => token + more)
    await refusals([...changed, ...ends])
    expect(await sealer.open(token)).toEqual({ content, keyIndex: 0 })
  })

  test('segments of several make no other', async () => {
    const tokens = await Promise.all([
      maker.seal(content),
      maker.seal(content),
      createSealer(createKeyring([older]), context).seal(content),
      createSealer(ring, { ...context, cookieName: 'sid2' }).seal(content),
    ])
    const segments = tokens.map((token) => token.split('.'))
    const pick = [0, 1, 2, 3]
    const mixed = pick.flatMap((a) =>
      pick.flatMap((b) => pick.flatMap((c) => pick.map((d) => [a, b, c, d] as const))),
    )
    const spliced = mixed
      .map(([a, b, c, d]) =>
        [segments[a]![0], '', segments[b]![2], segments[c]![3], segments[d]![4]].join('.'),
      )
      .filter((token) => !tokens.includes(token))
    // The first two have one salt, so that the header of either does for both.
    expect(await refusals(spliced)).toEqual({ malformed: 0, forged: 4 ** 4 - 6 })
    expect(await sealer.open(tokens[2])).toEqual({ content, keyIndex: 1 })
    expect(await sealer.open(tokens[3])).toBe('forged')
  })
})

const another = 'AAAAAAAAAAAAAAAAAAAAAA'
const jwk = '{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}'
type Edit = (header: string) => string
const insert =
  (member: string): Edit =>
  (header) =>
    header.replace('}', `,${member}}`)
const swap =
  (from: string | RegExp, to: string | ((found: string) => string)): Edit =>
  (header) =>
    header.replace(from, to as string)

/** Headers that mean the same or something else to one reader or the other. The tag over each is right. */
const headers: [string, Edit][] = [
  ['`crit`', insert('"crit":["exp"],"exp":1')],
  ['an empty `crit`', insert('"crit":[]')],
  ['`crit` of what it has', insert('"crit":["salt"]')],
  ['`zip`', insert('"zip":"DEF"')],
  ['an embedded key', insert(`"jwk":${jwk}`)],
  ['an ephemeral key', insert(`"epk":${jwk}`)],
  ['a link to keys', insert('"jku":"https://evil.test/keys"')],
  ['a link to certificates', insert('"x5u":"https://evil.test/certificate"')],
  ['certificates', insert('"x5c":["AAAA"]')],
  ['`b64`', insert('"b64":false')],
  ['`cty`', insert('"cty":"JWT"')],
  ['`aud`', insert('"aud":"shop"')],
  ['a prototype', insert('"__proto__":{"zip":"DEF"}')],
  ['`alg` twice, the right one last', swap('{', '{"alg":"none",')],
  ['`alg` twice, the right one first', insert('"alg":"none"')],
  ['`alg` twice, both right', insert('"alg":"dir"')],
  ['`enc` twice', insert('"enc":"A128GCM"')],
  ['`salt` twice, the right one last', swap('"salt"', `"salt":"${another}","salt"`)],
  ['`salt` twice, the right one first', insert(`"salt":"${another}"`)],
  ['`kid` twice', swap('"kid"', '"kid":"AAAAAAAAAAAA","kid"')],
  ['`kid` twice, once escaped', swap('"kid"', String.raw`"\u006bid":"AAAAAAAAAAAA","kid"`)],
  ['an escape in a name', swap('"alg"', String.raw`"\u0061lg"`)],
  ['an escape in a value', swap('"dir"', String.raw`"d\u0069r"`)],
  ['an escaped slash', swap('+jwe', String.raw`\/jwe`)],
  ['another order', swap('"alg":"dir","enc":"A256GCM"', '"enc":"A256GCM","alg":"dir"')],
  ['a space between members', swap(',', ', ')],
  ['a space behind a colon', swap(':', ': ')],
  ['a space in front', (header) => ` ${header}`],
  ['a line feed behind', (header) => `${header}\n`],
  ['a NUL behind', (header) => `${header}\0`],
  ['a byte order mark', (header) => `\ufeff${header}`],
  ['a list around', (header) => `[${header}]`],
  ['two objects', (header) => header + header],
  ['`alg` in upper case', swap('"dir"', '"DIR"')],
  ['`alg` none', swap('"dir"', '"none"')],
  ['`alg` of another family', swap('"dir"', '"A256KW"')],
  ['`alg` A256GCMKW', swap('"dir"', '"A256GCMKW"')],
  ['`alg` a list', swap('"dir"', '["dir"]')],
  ['`enc` in lower case', swap('A256GCM', 'a256gcm')],
  ['`enc` A128GCM', swap('A256GCM', 'A128GCM')],
  ['`enc` A192GCM', swap('A256GCM', 'A192GCM')],
  ['`enc` A256CBC-HS512', swap('A256GCM', 'A256CBC-HS512')],
  ['another `typ`', swap('session+jwe', 'JWT')],
  ['`typ` in upper case', swap('session+jwe', 'SESSION+JWE')],
  ['`typ` in full', swap('session+jwe', 'application/session+jwe')],
  ['no `typ`', swap(/"typ":"[^"]*",/, '')],
  ['no `alg`', swap('"alg":"dir",', '')],
  ['no `kid`', swap(/"kid":"[^"]*",/, '')],
  ['`kid` a number', swap(/"kid":"[^"]*"/, '"kid":1')],
  ['`kid` null', swap(/"kid":"[^"]*"/, '"kid":null')],
  ['`kid` a path', swap(/"kid":"[^"]*"/, '"kid":"../../../etc"')],
  ['a longer `kid`', swap('","salt"', 'A","salt"')],
  ['bits to spare in the salt', swap(/.(?="\}$)/, (last) => letters[letters.indexOf(last) + 1]!)],
  ['no header at all', () => ''],
  ['an empty header', () => '{}'],
  ['null for a header', () => 'null'],
  ['no JSON', swap('}', '')],
  ['deep nesting', insert(`"a":${'['.repeat(500)}${']'.repeat(500)}`)],
]

describe('ASVS-9.1.2 a header is the one that we write', () => {
  test.each(headers)('and no other, though its tag is right: %s', async (_, edit) => {
    const token = await sealByHand(recipe, content, { header: (kid, salt) => edit(rightHeader(kid, salt)) })
    // The control: the same hand makes a token that opens.
    expect(await sealer.open(await sealByHand(recipe, content))).toEqual({ content, keyIndex: 0 })
    expect(edit(rightHeader('k', 's'))).not.toBe(rightHeader('k', 's'))
    expect(await decryptionsIn(async () => expect(await sealer.open(token)).toBe('malformed'))).toBe(0)
  })

  test('ASVS-9.1.3 no `kid` stands for a key that is not configured', async () => {
    const deriving = vi.spyOn(crypto.subtle, 'deriveKey')
    try {
      for (const kid of [await kidOf(`${secret}!`), 'AAAAAAAAAAAA', '____________']) {
        const token = await sealByHand(recipe, content, { header: (_, salt) => rightHeader(kid, salt) })
        deriving.mockClear()
        expect(await decryptionsIn(async () => expect(await sealer.open(token)).toBe('forged'))).toBe(0)
        expect(deriving).toHaveBeenCalledTimes(0)
      }
    } finally {
      deriving.mockRestore()
    }
  })
})

/** Encrypts by jose under the key that HKDF gives for the salt, with whatever header. */
async function byJose(header: Record<string, unknown>, bits = 256): Promise<string> {
  const salt = randomText(16)
  const members = { alg: 'dir', enc: 'A256GCM', typ: 'session+jwe', kid: await kidOf(secret), salt }
  return new CompactEncrypt(utf8(content))
    .setProtectedHeader({ ...members, ...header })
    .encrypt(await contentKeyOf(recipe, salt, bits), { crit: { exp: true } })
}

describe('ASVS-9.1.2 ASVS-11.3.1 ASVS-11.3.2 what jose makes with the right key is refused but in our form', () => {
  test('in our form, it opens', async () => {
    expect(await sealer.open(await byJose({}))).toEqual({ content, keyIndex: 0 })
  })

  test.each<[string, Record<string, unknown>, number?]>([
    ['A128GCM', { enc: 'A128GCM' }, 128],
    ['A192GCM', { enc: 'A192GCM' }, 192],
    ['A128CBC-HS256', { enc: 'A128CBC-HS256' }],
    ['A256CBC-HS512', { enc: 'A256CBC-HS512' }, 512],
    ['A256GCMKW', { alg: 'A256GCMKW' }],
    ['A256KW', { alg: 'A256KW' }],
    ['a password', { alg: 'PBES2-HS256+A128KW' }],
    ['compression', { zip: 'DEF' }],
    ['a critical member', { crit: ['exp'], exp: 1 }],
    ['an embedded key', { jwk: JSON.parse(jwk) as unknown }],
    ['another type', { typ: 'JWT' }],
  ])('%s', async (_, header, bits) => {
    const token = await byJose(header, bits)
    expect(await decryptionsIn(async () => expect(await sealer.open(token)).toBe('malformed'))).toBe(0)
  })

  test('as JSON', async () => {
    const salt = randomText(16)
    const members = { alg: 'dir', enc: 'A256GCM', typ: 'session+jwe', kid: await kidOf(secret), salt }
    const jwe = await new GeneralEncrypt(utf8(content))
      .setProtectedHeader(members)
      .addRecipient(await contentKeyOf(recipe, salt))
      .encrypt()
    expect(await refusals([JSON.stringify(jwe), JSON.stringify({ ...jwe, ...jwe.recipients[0] })])).toEqual({
      malformed: 2,
      forged: 0,
    })
  })
})

test('ASVS-9.1.1 a token has one spelling: no padding, no other alphabet, no bits to spare, no key', async () => {
  for (const [length, last] of [
    [1, 2],
    [2, 3],
    [3, 4],
  ] as const) {
    const token = await maker.seal('1'.repeat(length))
    const [header = '', , iv = '', ciphertext = '', tag = ''] = token.split('.')
    expect(ciphertext).toHaveLength(last)
    const spare = (text: string): string[] =>
      [1, 2, 3].map((more) => text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) ^ more]!)
    const join = (...segments: string[]): string => segments.join('.')
    const spellings = [
      join(`${header}=`, '', iv, ciphertext, tag),
      join(header, 'AAAA', iv, ciphertext, tag),
      join(header, '=', iv, ciphertext, tag),
      join(header, '', iv, `${ciphertext}=`, tag),
      join(header, '', iv, `${ciphertext}==`, tag),
      join(header, '', iv, ciphertext, `${tag}==`),
      join(header, '', '', ciphertext, tag),
      join(header, '', iv, ciphertext, ''),
      join(header, '', `${iv}AAAA`, ciphertext, tag),
      join(header, '', iv, ciphertext, `${tag}AA`),
      join(header, '', iv, ciphertext, tag.slice(0, 20)),
      join('', '', iv, ciphertext, tag),
      join(header, iv, ciphertext, tag),
      join(header, iv, ciphertext),
      join(header, '', iv, ciphertext, tag, ''),
      join('', header, '', iv, ciphertext, tag),
      join(header, '', iv, ciphertext, tag).replaceAll('.', '..'),
      ...spare(tag).map((tag) => join(header, '', iv, ciphertext, tag)),
      ...(last === 4 ? [] : spare(ciphertext).map((ciphertext) => join(header, '', iv, ciphertext, tag))),
      token.toUpperCase(),
      token.toLowerCase(),
      encodeURIComponent(token).replaceAll('.', '%2E'),
      `"${token}"`,
      token
        .split('')
        .map((character) => `${character}\u0301`)
        .join(''),
      '',
      '.',
      '....',
      ' ',
    ]
    expect(await refusals(spellings)).toEqual({ malformed: spellings.length, forged: 0 })
    expect(await sealer.open(token)).toHaveProperty('keyIndex', 0)
  }
  const standard = await sealUntil((token) => /[-_]/.test(token))
  const other = standard.replaceAll('-', '+').replaceAll('_', '/')
  expect(await sealer.open(other)).toBe('malformed')
})

async function sealUntil(fits: (token: string) => boolean): Promise<string> {
  for (;;) {
    const token = await maker.seal(content)
    if (fits(token)) return token
  }
}

test(
  'ASVS-9.1.1 ASVS-11.2.5 ASVS-11.3.3 of 100,000 forgeries none opens, and none throws',
  { timeout: 240_000 },
  async () => {
    const random = createRandom(20_260_817)
    const pick = <T>(list: readonly T[]): T => list[random(list.length)]!
    const forgeries = 100_000
    const others = [
      createSealer(ring, { ...context, purpose: 'session-snapshot' }),
      createSealer(ring, { ...context, audience: 'blog' }),
      createSealer(ring, { ...context, cookieName: 'sid2' }),
      createSealer(createKeyring([`${secret}!`]), context),
    ]
    const texts = ['1', '{}', content, JSON.stringify('x'.repeat(300))]
    const own = await Promise.all([...texts, ...texts].map((text) => maker.seal(text)))
    const olds = await Promise.all(
      texts.map((text) => createSealer(createKeyring([older]), context).seal(text)),
    )
    const strange = await Promise.all(others.flatMap((other) => texts.map((text) => other.seal(text))))
    const real = [...own, ...olds]
    const valid = new Set(real)
    const debris = [
      '.',
      '..',
      '=',
      'e30',
      'eyJhbGciOiJub25lIn0',
      '\0',
      ' ',
      '%',
      'null',
      '{',
      '"',
      '\ud800',
      ...own,
    ]

    const shake = (bytes: Uint8Array): void => {
      for (let times = random(3); times >= 0; times--) bytes[random(bytes.length)] = random(256)
    }
    const cut = (text: string): string => {
      const [from, to] = [random(text.length), random(text.length)]
      return pick([
        text.slice(0, from) + text.slice(to),
        text.slice(from, to),
        text.slice(0, from) + pick(debris) + text.slice(to),
      ])
    }
    const makers: (() => string)[] = [
      // Bytes of what is encrypted, of its nonce or its tag.
      () => withSegment(pick(real), 2 + random(3), shake),
      () => withSegment(pick(real), 2 + random(3), shake),
      // Bytes of the header, mostly in what is salt or kid.
      () => withSegment(pick(real), 0, shake),
      () =>
        withSegment(pick(real), 0, (bytes) => {
          bytes[pick([random(12) + 56, random(22) + 78])] = alphabet.charCodeAt(random(64))
        }),
      // Characters.
      () => {
        const characters = pick([...real, ...strange]).split('')
        for (let times = random(4); times >= 0; times--) characters[random(characters.length)] = pick(letters)
        return characters.join('')
      },
      // Segments of different tokens.
      () => {
        const from = Array.from({ length: 5 }, () => pick([...real, ...strange]).split('.'))
        return from.map((segments, at) => segments[at]!).join('.')
      },
      // Pieces.
      () => cut(pick(real)),
      () => Array.from({ length: random(8) }, () => pick(debris)).join(pick(['', '.', '..'])),
      // Tokens of others, as they are.
      () => pick(strange),
    ]
    let tokens: string[] = []
    const count = { malformed: 0, forged: 0 }
    const judge = async (): Promise<void> => {
      const { malformed, forged } = await refusals(tokens)
      count.malformed += malformed
      count.forged += forged
      tokens = []
    }
    for (let made = 0; made < forgeries;) {
      const token = makers[made % makers.length]!()
      // What came out as it was is none.
      if (valid.has(token)) continue
      tokens.push(token)
      made++
      if (tokens.length === 1000) await judge()
    }
    await judge()
    expect(count.malformed + count.forged).toBe(forgeries)
    // Not a fuzz of the grammar alone: each third one had to be told by its key or its tag.
    expect(count.forged).toBeGreaterThan(forgeries / 3)
    // The real ones have not suffered from it.
    for (const token of own) expect(await sealer.open(token)).toHaveProperty('keyIndex', 0)
    for (const token of olds) expect(await sealer.open(token)).toHaveProperty('keyIndex', 1)
  },
)
