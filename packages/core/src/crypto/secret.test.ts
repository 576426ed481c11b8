import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import { toBase64url, utf8 } from './bytes.ts'
import { assertStrongSecret } from './secret.ts'

/** What is said against a secret; empty when it is good. */
function faultOf(secret: unknown): string {
  try {
    assertStrongSecret(secret, 'secrets[0]')
    return ''
  } catch (error) {
    expect(error).toBeInstanceOf(SessionError)
    expect(error).toHaveProperty('code', 'ERR_SESSION_CONFIG')
    return (error as SessionError).message
  }
}

const strong = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'

test.each([
  [undefined, 'is missing'],
  [null, 'is missing'],
  [12_345, 'is of type number'],
  [utf8(strong), 'is of type object'],
  [true, 'is of type boolean'],
  ['', 'has 0 bytes'],
  ['s3cr3t', 'has 6 bytes'],
  [strong.slice(0, 31), 'has 31 bytes'],
])('ASVS-13.3.1 %j is no secret', (secret, fault) => {
  expect(faultOf(secret)).toContain(`secrets[0] ${fault}`)
})

test.each([
  'keyboard cat keyboard cat keyboard cat',
  'Keyboard-Cat-0C5mqlR_vgu5S9QBaWH5tx9glp',
  'your-secret-key-that-is-long-enough-1234',
  'YOUR_SESSION_SECRET_0C5mqlR_vgu5S9QBaWH5',
  'change-me-to-something-long-and-random!!',
  'changeme0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhT',
  'please change this before you deploy it!',
  'replace-me-0C5mqlR_vgu5S9QBaWH5tx9glpCK3',
  'replace this by a string of your own, 42',
  'my-secret-0C5mqlR_vgu5S9QBaWH5tx9glpCK3M',
  'super-secret-0C5mqlR_vgu5S9QBaWH5tx9glpC',
  'top secret 0C5mqlR_vgu5S9QBaWH5tx9glpCK3',
  'secret_key_0C5mqlR_vgu5S9QBaWH5tx9glpCK3',
  'complex_password_at_least_32_characters_long',
  'a-string-of-at-least-32-characters-please',
  'P@ssw0rd-Password-0C5mqlR_vgu5S9QBaWH5tx',
  'passphrase-0C5mqlR_vgu5S9QBaWH5tx9glpCK3',
  'example-0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhT',
  'placeholder-0C5mqlR_vgu5S9QBaWH5tx9glpCK',
  'insecure-0C5mqlR_vgu5S9QBaWH5tx9glpCK3Mh',
  'dummy-0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTms',
  '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
  'test-secret-0C5mqlR_vgu5S9QBaWH5tx9glpCK',
])('ASVS-13.3.1 %j comes from a tutorial', (secret) => {
  expect(faultOf(secret)).toContain('secrets[0] looks like a sample from documentation')
  expect(faultOf(secret)).not.toContain(secret)
})

test.each([
  ['one character', 'a'.repeat(64)],
  ['few characters', 'abcabdabeabcabdaecabbdaeacbdeacbdeab'],
  ['nine characters', 'q7Wz-Kp2xWq7-zKxp2W7q-xz2KpWq7zKx2p-'],
  ['a short word again and again', 'kT9xQ2mZp4Lw'.repeat(3)],
  ['a long half twice', 'kT9xQ2mZp4LwB8vN'.repeat(2)],
  ['the alphabet', 'abcdefghijklmnopqrstuvwxyzabcdefghij'],
  ['the digits', '01234567890123456789012345678901'],
  ['the alphabet backwards', 'zyxwvutsrqponmlkjihgfedcbazyxwvutsrq'],
])('ASVS-13.3.1 %s is too regular', (_, secret) => {
  expect(faultOf(secret)).toContain('secrets[0] is too regular to be random')
})

test('ASVS-13.3.1 a repetition is one even if its last round is cut off', () => {
  expect(faultOf('kT9xQ2mZp4Lw'.repeat(3).slice(0, 32))).toContain('too regular')
})

test('ASVS-11.2.3 ASVS-13.3.1 32 bytes are enough, counted as UTF-8', () => {
  expect(faultOf(strong.slice(0, 32))).toBe('')
  const greek = 'θΛπξΩψδΣβηΦγκμΨω'
  expect([greek.length, utf8(greek).length]).toEqual([16, 32])
  expect(faultOf(greek)).toBe('')
  expect(faultOf(greek.slice(1))).toContain('has 30 bytes')
})

test('ten different characters are enough, as in a long random number', () => {
  expect(faultOf('8305197264918305724690138572460193857204')).toBe('')
})

test('32 random bytes are always good enough, in each of their usual spellings', () => {
  // A generator of one's own, so that this cannot fail once in a million runs.
  let state = 1331
  const randomByte = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    return (state >>> 16) & 0xff
  }
  for (let run = 0; run < 2000; run++) {
    const bytes = Uint8Array.from({ length: 32 }, randomByte)
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    for (const secret of [toBase64url(bytes), btoa(String.fromCharCode(...bytes)), hex]) {
      expect(faultOf(secret)).toBe('')
    }
  }
})

test('the message says how to make a good secret, and nothing of the bad one', () => {
  expect(faultOf('s3cr3t')).toContain('openssl rand -base64 32')
  // Greek, so that no part of it stands in the message by chance.
  fc.assert(
    fc.property(fc.stringMatching(/^[α-ω]{1,40}$/), (secret) => {
      expect(faultOf(secret)).not.toMatch(/[α-ω]/)
    }),
    { seed: 1331, numRuns: 500 },
  )
})
