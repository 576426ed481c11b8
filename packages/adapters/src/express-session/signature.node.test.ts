import crypto, { createHmac, createSecretKey, generateKeyPairSync } from 'node:crypto'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import * as fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { readSessionIds, sign, unsign, type Secret } from './signature.ts'

/** What express-session itself signs and parses with. */
interface Signature {
  sign(value: string, secret: Secret): string
  unsign(value: string, secret: Secret): string | false
}
interface CookiePackage {
  parse(header: string): Record<string, string>
  serialize(name: string, value: string): string
}
const fromExpressSession = createRequire(createRequire(import.meta.url).resolve('express-session'))
const signature = fromExpressSession('cookie-signature') as Signature
const cookie = fromExpressSession('cookie') as CookiePackage

const secrets = ['new secret', 'old secret', 'oldest secret'] as const
const [secret] = secrets
const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
const sid = text.filter((text) => text !== '')
const bytes = fc.uint8Array({ minLength: 1, maxLength: 80 })
const anySecret: fc.Arbitrary<Secret> = fc.oneof(
  text.filter((text) => text !== ''),
  bytes,
  bytes.map((bytes) => Buffer.from(bytes)),
  bytes.map((bytes) => createSecretKey(bytes)),
)

describe('signatures are those of cookie-signature', () => {
  test('byte for byte, with every kind of secret', () => {
    fc.assert(
      fc.property(sid, anySecret, (sid, secret) => {
        const signed = sign(sid, secret)
        expect(signed).toBe(signature.sign(sid, secret))
        expect(unsign(signed, [secret])).toEqual({ sid, keyIndex: 0 })
      }),
      { seed: 107, numRuns: 500 },
    )
  })

  test('known answers', () => {
    expect(sign('hello', 'tobiiscool')).toBe('hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI')
    expect(unsign('hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI', ['tobiiscool'])?.sid).toBe('hello')
    expect(unsign(sign('a.b.c', secret), secrets)).toEqual({ sid: 'a.b.c', keyIndex: 0 })
  })

  test('what was changed in any way is judged alike', () => {
    const change = fc.oneof(
      text.map((more) => (signed: string) => signed + more),
      text.map((more) => (signed: string) => more + signed),
      fc.nat(60).map((at) => (signed: string) => signed.slice(0, at) + signed.slice(at + 1)),
      fc.nat(60).map((at) => (signed: string) => `${signed.slice(0, at)}A${signed.slice(at + 1)}`),
      fc.constantFrom(
        (signed: string) => `${signed}=`,
        (signed: string) => signed.replaceAll('+', '-').replaceAll('/', '_'),
        (signed: string) => signed.toLowerCase(),
        (signed: string) => signed,
        // The same low bytes: a comparison of latin1 would be fooled.
        (signed: string) =>
          signed.slice(0, -1) + String.fromCharCode(signed.charCodeAt(signed.length - 1) + 256),
      ),
      text.map((other) => () => other),
    )
    fc.assert(
      fc.property(sid, change, (sid, change) => {
        const value = change(sign(sid, secret))
        const expected = signature.unsign(value, secret)
        expect(unsign(value, [secret])?.sid).toBe(expected === false ? undefined : expected)
      }),
      { seed: 108, numRuns: 1500 },
    )
  })
})

test('only the spelling that is written is accepted, not others that base64 decodes to the same', () => {
  const signed = sign('sid', secret)
  const last = signed.at(-1)!
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  // The last digit holds four bits; its neighbour differs in those that are thrown away.
  const other = signed.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1]
  const proof = (signed: string): string => Buffer.from(signed.slice(4), 'base64').toString('hex')
  expect(proof(other)).toBe(proof(signed))
  expect(unsign(other, [secret])).toBeNull()
})

test('an empty id is none, although its signature holds', () => {
  expect(unsign(sign('', secret), [secret])).toBeNull()
})

test('each of the secrets verifies, and says which it was', () => {
  for (const [keyIndex, secret] of secrets.entries()) {
    expect(unsign(sign('sid', secret), secrets)).toEqual({ sid: 'sid', keyIndex })
  }
  expect(unsign(sign('sid', 'no secret of ours'), secrets)).toBeNull()
  expect(unsign(sign('sid', secret), [])).toBeNull()
})

test('a key that cannot sign is refused by node:crypto', () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  expect(() => sign('sid', publicKey)).toThrow()
})

describe('readSessionIds', () => {
  const name = 'connect.sid'
  const pair = (sid: string, by: string = secret): string => cookie.serialize(name, `s:${sign(sid, by)}`)

  test('finds in a header what express-session finds there', () => {
    fc.assert(
      fc.property(sid, fc.array(fc.tuple(fc.stringMatching(/^[a-z.]{1,9}$/), text)), (sid, others) => {
        const pairs = others.map(([name, value]) => cookie.serialize(name, value.toWellFormed()))
        const header = [pair(sid.toWellFormed()), ...pairs].toReversed().join('; ')
        const raw = cookie.parse(header)[name]!
        const expected = signature.unsign(raw.slice(2), secret)
        expect(readSessionIds(header, name, secrets)).toEqual([{ sid: expected, keyIndex: 0 }])
      }),
      { seed: 109, numRuns: 500 },
    )
  })

  test('any header at all is read without an error', () => {
    const soup = fc.string({
      unit: fc.constantFrom('connect.sid', '=', ';', ' ', 's:', '%', '%E0', '.', '"', 'a'),
    })
    fc.assert(
      fc.property(fc.oneof(soup, text), (header) => {
        expect(readSessionIds(header, name, secrets)).toEqual([])
      }),
      { seed: 110, numRuns: 1000 },
    )
  })

  test.for([
    ['raw', (signed: string) => signed],
    ['encoded', (signed: string) => encodeURIComponent(signed)],
    ['half encoded', (signed: string) => encodeURIComponent(signed).replaceAll('%2F', '/')],
    ['in quotes', (signed: string) => `"${signed}"`],
    ['encoded, in quotes', (signed: string) => `"${encodeURIComponent(signed)}"`],
  ] as const)('a value may be %s', ([, write]) => {
    // Among a hundred there are signatures with both + and /.
    for (let count = 0; count < 100; count++) {
      const header = `${name}=${write(`s:${sign(`sid ${count}`, secret)}`)}`
      expect(readSessionIds(header, name, secrets)).toEqual([{ sid: `sid ${count}`, keyIndex: 0 }])
    }
  })

  test.for(['100%', '%41', '%zz.%'])('an id with percent signs, %s, is found raw and encoded', (sid) => {
    expect(readSessionIds(pair(sid), name, secrets)).toEqual([{ sid, keyIndex: 0 }])
    expect(readSessionIds(`${name}=s:${sign(sid, secret)}`, name, secrets)).toEqual([{ sid, keyIndex: 0 }])
  })

  test('a bogus cookie does not hide the real one, and each id comes once, in order', () => {
    const header = [
      `${name}=s%3Aforged.AAAA`,
      `${name}=plain`,
      `${name}=%`,
      pair('b', secrets[1]),
      pair('a'),
      pair('b'),
    ]
    expect(readSessionIds(header.join('; '), name, secrets)).toEqual([
      { sid: 'b', keyIndex: 1 },
      { sid: 'a', keyIndex: 0 },
    ])
  })

  test('without its s:, or under another name, a signed value is none', () => {
    const signed = sign('sid', secret)
    expect(readSessionIds(`${name}=${signed}; other=s:${signed}`, name, secrets)).toEqual([])
  })

  test('the eighth candidate is looked at and the ninth is not; unsigned values do not count', () => {
    const forged = (count: number): string[] => Array.from({ length: count }, () => `${name}=s:forged.AAAA`)
    const plain = Array.from({ length: 20 }, () => `${name}=plain`)
    const read = (pairs: string[]): unknown => readSessionIds(pairs.join('; '), name, secrets)
    expect(read([...plain, ...forged(7), pair('sid')])).toEqual([{ sid: 'sid', keyIndex: 0 }])
    expect(read([...forged(8), pair('sid')])).toEqual([])
  })

  test('a long header is read to its end, as express-session reads it', () => {
    // Node refuses headers over 16 KiB by itself, unless it is told otherwise.
    const header = `${'filler='.padEnd(100_000, 'x')}; ${pair('sid')}`
    expect(signature.unsign(cookie.parse(header)[name]!.slice(2), secret)).toBe('sid')
    expect(readSessionIds(header, name, secrets)).toEqual([{ sid: 'sid', keyIndex: 0 }])
  })
})

test('the proof is HMAC-SHA-256 in base64 without padding', () => {
  const proof = createHmac('sha256', secret).update('sid').digest('base64url')
  expect(sign('sid', secret).replaceAll('+', '-').replaceAll('/', '_')).toBe(`sid.${proof}`)
})

describe('proofs that have been verified', () => {
  /** @returns How many HMACs were computed since. */
  function countHmacs(): () => number {
    const spy = vi.spyOn(crypto, 'createHmac')
    syncBuiltinESMExports()
    onTestFinished(() => {
      spy.mockRestore()
      syncBuiltinESMExports()
    })
    return () => {
      const count = spy.mock.calls.length
      spy.mockClear()
      return count
    }
  }

  test('are known, and whose they are, in whatever list the secret stands', () => {
    const [first, second] = ['known 1', createSecretKey(Buffer.from('known 2'))] as const
    const signed = sign('sid', second)
    const hmacs = countHmacs()
    expect(unsign(signed, [first, second])).toEqual({ sid: 'sid', keyIndex: 1 })
    expect(hmacs()).toBe(2)
    expect(unsign(signed, [first, second])).toEqual({ sid: 'sid', keyIndex: 1 })
    expect(unsign(signed, [second])).toEqual({ sid: 'sid', keyIndex: 0 })
    expect(unsign(signed, ['other', first, second])).toEqual({ sid: 'sid', keyIndex: 2 })
    expect(hmacs()).toBe(0)
  })

  test('are worth nothing once their secret has gone from the list, nor with another id', () => {
    const signed = sign('sid', 'retired')
    expect(unsign(signed, ['retired'])).not.toBeNull()
    expect(unsign(signed, ['newer'])).toBeNull()
    expect(unsign(signed, [])).toBeNull()
    expect(unsign(`other${signed.slice(3)}`, ['retired'])).toBeNull()
  })

  test('are remembered, but never what was forged', () => {
    const forged = sign('sid', 'of somebody else')
    const hmacs = countHmacs()
    for (let time = 0; time < 3; time++) {
      expect(unsign(forged, ['ours'])).toBeNull()
      expect(hmacs()).toBe(1)
    }
  })

  test('of bytes are verified each time: bytes can be overwritten', () => {
    const bytes = Buffer.from('some bytes')
    const signed = sign('sid', bytes)
    expect(unsign(signed, [bytes])).not.toBeNull()
    bytes.fill(0)
    expect(unsign(signed, [bytes])).toBeNull()
  })

  test('are bounded for each secret; the oldest go', () => {
    const secret = 'with many visitors'
    const signed = Array.from({ length: 10_001 }, (_, index) => sign(`sid ${index}`, secret))
    for (const one of signed) unsign(one, [secret])
    const hmacs = countHmacs()
    unsign(signed.at(-1)!, [secret])
    unsign(signed[1]!, [secret])
    expect(hmacs()).toBe(0)
    unsign(signed[0]!, [secret])
    expect(hmacs()).toBe(1)
  })

  test('are bounded for secrets too, as each request may bring its own', () => {
    const signed = Array.from({ length: 17 }, (_, index) => sign('sid', `secret ${index}`))
    for (const [index, one] of signed.entries()) unsign(one, [`secret ${index}`])
    const hmacs = countHmacs()
    unsign(signed[16]!, ['secret 16'])
    unsign(signed[1]!, ['secret 1'])
    expect(hmacs()).toBe(0)
    unsign(signed[0]!, ['secret 0'])
    expect(hmacs()).toBe(1)
  })
})
