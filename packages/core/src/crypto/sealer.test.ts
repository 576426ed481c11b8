import * as fc from 'fast-check'
import { compactDecrypt } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  contentKeyOf,
  kidOf,
  openByHand,
  rightHeader,
  sealByHand,
} from '../../../../test/support/seal-twin.ts'
import { SessionError } from '../errors.ts'
import { fromBase64url, toBase64url } from './bytes.ts'
import { createKeyring } from './keyring.ts'
import { createSealer, maxSealedLength, type SealContext, type Sealer } from './sealer.ts'
import { sealsPerSalt } from './token-keys.ts'

const secret = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const context: SealContext = { purpose: 'cookie-session', audience: 'shop', cookieName: '__Host-Http-sid' }
const recipe = { ...context, secret }
const content = '{"cart":["coat","umbrella"],"n":1}'
const sealer = createSealer(createKeyring([secret]), context)
/** Another process: what it has sealed, the sealer does not remember. */
const maker = createSealer(createKeyring([secret]), context)
const isWorkerd = globalThis.navigator?.userAgent === 'Cloudflare-Workers'

/** The header of a token, as text. */
function headerOf(sealed: string): string {
  return new TextDecoder().decode(fromBase64url(sealed.split('.')[0]!))
}

describe('what was sealed', () => {
  test('comes back as it was, whatever JSON it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ stringUnit: 'binary' }), async (content) => {
        expect(await sealer.open(await maker.seal(content))).toEqual({ content, keyIndex: 0 })
      }),
      { seed: 7516, numRuns: 150 },
    )
  })

  test.each<[string, unknown]>([
    ['a lone surrogate, which JSON escapes', ['\ud800', '\udc00\ud800', 'a\udfff']],
    ['a pair of surrogates', '\u{1f9e5}'],
    ['a byte order mark', '\ufeff'],
    ['NUL and line separators', '\0\u2028\u2029\r\n'],
    ['an object without members', {}],
    ['a name that Object.prototype has', JSON.parse('{"__proto__":1}')],
    ['ten thousand characters', 'é'.repeat(10_000)],
  ])('comes back by the byte: %s', async (_, value) => {
    const json = JSON.stringify(value)
    const opened = await sealer.open(await maker.seal(json))
    expect(opened).toEqual({ content: json, keyIndex: 0 })
    expect(JSON.parse((opened as { content: string }).content)).toEqual(value)
  })

  test('comes back for every length of its last segment, down to nothing', async () => {
    for (const text of [
      '',
      '\ufeff1',
      ...Array.from({ length: 12 }, (_, length) => '1'.repeat(length + 1)),
    ]) {
      expect(await sealer.open(await maker.seal(text))).toEqual({ content: text, keyIndex: 0 })
    }
  })

  test('ASVS-14.3.3 cannot be read from the token', async () => {
    const sealed = await maker.seal(content)
    const decoded = sealed.split('.').map((part) => atob(part.replaceAll('-', '+').replaceAll('_', '/')))
    for (const word of ['coat', 'umbrella', 'cart', 'shop', 'sid']) {
      expect(sealed + decoded.join()).not.toContain(word)
    }
  })

  test('may be sealed and opened by many requests at once', async () => {
    const busy = createSealer(createKeyring([secret]), context)
    const texts = Array.from({ length: 50 }, (_, index) => `{"n":${index}}`)
    const tokens = await Promise.all(texts.map((text) => busy.seal(text)))
    for (const opener of [busy, createSealer(createKeyring([secret]), context)]) {
      const opened = await Promise.all([...tokens, ...tokens].map(async (token) => opener.open(token)))
      expect(opened).toEqual([...texts, ...texts].map((content) => ({ content, keyIndex: 0 })))
    }
  })
})

describe('the format', () => {
  test('ASVS-9.1.2 ASVS-11.3.1 ASVS-11.3.2 is compact JWE, its algorithms fixed: dir and A256GCM', async () => {
    const sealed = await maker.seal(content)
    const salt = (JSON.parse(headerOf(sealed)) as { salt: string }).salt
    expect(headerOf(sealed)).toBe(rightHeader(await kidOf(secret), salt))
    expect(fromBase64url(salt)).toHaveLength(16)
    expect(sealed.split('.').map((part) => part.length)).toEqual([
      136,
      0,
      16,
      Math.ceil((content.length * 4) / 3),
      22,
    ])
  })

  test('names neither the library nor the application', async () => {
    expect(headerOf(await maker.seal(content))).not.toMatch(/coat|shop|sid/)
  })

  test('ASVS-11.2.1 ASVS-11.3.3 ASVS-11.6.1 is the documented one: WebCrypto alone opens it, and makes one that opens', async () => {
    expect(await openByHand(recipe, await maker.seal(content))).toBe(content)
    expect(await sealer.open(await sealByHand(recipe, content))).toEqual({ content, keyIndex: 0 })
  })

  test('ASVS-11.2.1 ASVS-11.3.3 ASVS-11.3.5 is the standard’s: jose opens it with the key that HKDF gives', async () => {
    const sealed = await maker.seal(content)
    const { salt } = JSON.parse(headerOf(sealed)) as { salt: string }
    const key = await contentKeyOf(recipe, salt)
    const { plaintext, protectedHeader } = await compactDecrypt(sealed, key)
    expect(new TextDecoder().decode(plaintext)).toBe(content)
    expect(protectedHeader).toEqual(JSON.parse(rightHeader(await kidOf(secret), salt)))
    // Whose tag is over the header as well: with another one, it is refused.
    const other = rightHeader(await kidOf(secret), salt).replace('session+', 'session-')
    const changed = [toBase64url(new TextEncoder().encode(other)), ...sealed.split('.').slice(1)].join('.')
    await expect(compactDecrypt(changed, key)).rejects.toThrow()
  })
})

test('ASVS-9.2.2 ASVS-9.2.3 ASVS-9.2.4 ASVS-9.1.3 a token opens in its own context only: purpose, application, cookie and secret', async () => {
  const contexts: SealContext[] = [
    context,
    { ...context, purpose: 'session-snapshot' },
    { ...context, audience: 'shop2' },
    { ...context, audience: 'SHOP' },
    { ...context, audience: '' },
    { ...context, cookieName: 'sid' },
    { ...context, cookieName: '__Host-Http-sid2' },
    // Joined without care, these would make the same text.
    { ...context, audience: 'shop","__Host', cookieName: '-Http-sid' },
    { ...context, audience: 'shop\0a', cookieName: 'b' },
    { ...context, audience: 'shop', cookieName: 'a\0b' },
    { ...context, audience: 'a,b', cookieName: 'c' },
    { ...context, audience: 'a', cookieName: 'b,c' },
    // And in UTF-8 alone, so would halves of surrogate pairs.
    { ...context, audience: '\ud800' },
    { ...context, audience: '\ud801' },
    { ...context, audience: '\ufffd' },
  ]
  const sealers = [secret, older].flatMap((secret) =>
    contexts.map((context) => createSealer(createKeyring([secret]), context)),
  )
  const tokens = await Promise.all(sealers.map((sealer) => sealer.seal(content)))
  for (const [of, sealer] of sealers.entries()) {
    for (const [by, token] of tokens.entries()) {
      const opened = await sealer.open(token)
      expect([of, by, opened]).toEqual([of, by, of === by ? { content, keyIndex: 0 } : 'forged'])
    }
  }
})

test('ASVS-9.2.2 what the same secret has signed is no sealed token, nor the other way round', async () => {
  const ring = createKeyring([secret])
  const sealed = await maker.seal(content)
  expect(await sealer.open(`${'A'.repeat(43)}.${await ring.sign('session-token', 'm')}`)).toBe('malformed')
  for (const part of sealed.split('.')) {
    expect(await ring.verify('session-token', 'm', part)).toBe(-1)
    expect(await ring.verify('key-name', '', part)).toBe(-1)
  }
})

test('ASVS-11.3.4 ASVS-11.5.2 no nonce comes twice in 20,000 seals of one text, many at once', async () => {
  // Real seals. `scripts/count-seals.ts` makes a million of them, which takes minutes.
  const seals = 20_000
  const ivs = new Set<string>()
  for (let made = 0; made < seals; made += 100) {
    for (const token of await Promise.all(Array.from({ length: 100 }, () => maker.seal('{}')))) {
      const [, , iv] = token.split('.')
      ivs.add(iv!)
    }
  }
  expect(ivs.size).toBe(seals)
})

test('ASVS-11.3.4 the salts and nonces are random in each of their bits', async () => {
  const seals = 2000
  const restless = createSealer(createKeyring([secret]), context, 1)
  const ones = { salt: Array.from({ length: 128 }, () => 0), iv: Array.from({ length: 96 }, () => 0) }
  for (let made = 0; made < seals; made++) {
    const sealed = await restless.seal('{}')
    const { salt } = JSON.parse(headerOf(sealed)) as { salt: string }
    countOnes(fromBase64url(salt), ones.salt)
    countOnes(fromBase64url(sealed.split('.')[2]!), ones.iv)
  }
  // Eight standard deviations: one run in 10^12 would be unlucky.
  for (const count of [...ones.salt, ...ones.iv]) expect(Math.abs(count - seals / 2)).toBeLessThan(180)
})

function countOnes(bytes: Uint8Array, counts: number[]): void {
  for (let bit = 0; bit < bytes.length * 8; bit++) counts[bit]! += (bytes[bit >> 3]! >> (bit & 7)) & 1
}

test('ASVS-11.3.4 a salt serves for its number of seals, in their order, and each secret and sealer has its own', async () => {
  let time = 0
  const retireAfter = new Date(1)
  const ring = createKeyring([{ secret: older, retireAfter }, secret], () => time)
  const saltsOf = async (sealer: Sealer, seals: number): Promise<string[]> => {
    const salts: string[] = []
    for (let made = 0; made < seals; made++) {
      const { salt } = JSON.parse(headerOf(await sealer.seal(content))) as { salt: string }
      if (salts.at(-1) !== salt) salts.push(salt)
    }
    return salts
  }
  const [one, other] = [createSealer(ring, context, 3), createSealer(ring, context, 3)]
  const salts = [...(await saltsOf(one, 9)), ...(await saltsOf(other, 3))]
  time = 2
  salts.push(...(await saltsOf(one, 4)))
  expect(salts).toHaveLength(3 + 1 + 2)
  expect(new Set(salts).size).toBe(salts.length)
  // SP 800-38D §8.3 allows 2^32 random nonces.
  expect(sealsPerSalt).toBeLessThanOrEqual(2 ** 32)
  expect(await saltsOf(maker, 2000)).toHaveLength(1)
})

test('names that are too long for HKDF are refused at construction, and those that fit are not', async () => {
  const ring = createKeyring([secret])
  const longest = 'a'.repeat(1024 - 'coatcheck/v1/["cookie-session","","sid"]'.length)
  const fitting = createSealer(ring, { ...context, audience: longest, cookieName: 'sid' })
  expect(await fitting.open(await fitting.seal(content))).toEqual({ content, keyIndex: 0 })
  const make = () => createSealer(ring, { ...context, audience: `${longest}a`, cookieName: 'sid' })
  expect(make).toThrow(SessionError)
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
  expect(make).toThrow('audience and the name of the cookie are too long')
})

test('CSC-input a token that is longer than all cookies together is not even read', async () => {
  const bytes = Math.floor(((maxSealedLength - 136 - 16 - 22 - 4) * 3) / 4)
  const longest = await maker.seal('1'.repeat(bytes))
  expect(longest.length).toBe(maxSealedLength)
  expect(await sealer.open(longest)).toEqual({ content: '1'.repeat(bytes), keyIndex: 0 })
  const longer = await maker.seal('1'.repeat(bytes + 1))
  expect(await sealer.open(longer)).toBe('malformed')
  // The grammar takes linear time, so neither do those that only seem to be tokens stop anybody.
  const [header] = longest.split('.')
  const length = isWorkerd ? 1_000_000 : 10_000_000
  expect(await sealer.open(`${header}..${'A'.repeat(length)}`)).toBe('malformed')
  for (const end of ['', '.', '.=', '.A', `.${'A'.repeat(22)}=`]) {
    expect(await sealer.open(`${header}..${'A'.repeat(16)}.${'A'.repeat(65_000)}${end}`)).toBe('malformed')
  }
})
