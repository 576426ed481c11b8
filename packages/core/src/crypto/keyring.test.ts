import { expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import { fromBase64url, toBase64url, utf8, type Bytes } from './bytes.ts'
import { createKeyring, type Key, type Keys, type Purpose } from './keyring.ts'
import type { Secrets } from './secret-schedule.ts'

const oldest = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw'
const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const newest = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const purpose: Purpose = 'session-token'

async function hmac(key: Bytes, message: Bytes): Promise<Bytes> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, message))
}

test('ASVS-11.2.1 a proof is the one that was made by another implementation, in all versions to come', async () => {
  // Computed with node:crypto. Were it to change, an upgrade would log everybody out.
  expect(await createKeyring([newest]).sign(purpose, 'message')).toBe(
    'Tb45GzSKCaf9Jg-q5vUIoA85vaoNRnXpDrIG1Utc_zY',
  )
})

test('ASVS-11.2.1 ASVS-11.2.3 ASVS-11.4.1 ASVS-11.4.3 ASVS-11.6.1 a proof is HMAC-SHA-256 under a key of its purpose, derived by HKDF', async () => {
  for (const secret of [newest, older] as const) {
    // RFC 5869 §2.2 and §2.3, by hand: without a salt the key of the extraction is a block of zeros.
    const extracted = await hmac(new Uint8Array(32), utf8(secret))
    const key = await hmac(extracted, utf8('coatcheck/v1/session-token\u0001'))
    const proof = toBase64url(await hmac(key, utf8('session-token\0some message')))
    expect(await createKeyring([secret]).sign(purpose, 'some message')).toBe(proof)
  }
})

test('ASVS-11.2.2 the newest secret signs, and all verify', async () => {
  const ring = createKeyring([newest, older, oldest])
  expect(await ring.sign(purpose, 'm')).toBe(await createKeyring([newest]).sign(purpose, 'm'))
  for (const [index, secret] of [newest, older, oldest].entries()) {
    const proof = await createKeyring([secret]).sign(purpose, 'm')
    expect(await ring.verify(purpose, 'm', proof)).toBe(index)
  }
})

test('ASVS-11.2.2 ASVS-9.1.3 what a retired secret signed is worth nothing', async () => {
  const proof = await createKeyring([oldest]).sign(purpose, 'm')
  expect(await createKeyring([older, oldest]).verify(purpose, 'm', proof)).toBe(1)
  expect(await createKeyring([newest, older]).verify(purpose, 'm', proof)).toBe(-1)
})

test('ASVS-9.2.2 a proof holds for its message and its purpose only', async () => {
  const ring = createKeyring([newest])
  const other = 'something-else' as string as Purpose
  const proof = await ring.sign(purpose, 'm')
  expect(await ring.verify(purpose, 'm', proof)).toBe(0)
  expect(await ring.verify(purpose, 'n', proof)).toBe(-1)
  expect(await ring.verify(purpose, 'm\0', proof)).toBe(-1)
  expect(await ring.verify(purpose, '', proof)).toBe(-1)
  expect(await ring.verify(other, 'm', proof)).toBe(-1)
  expect(await ring.verify(purpose, 'm', await ring.sign(other, 'm'))).toBe(-1)
})

test('ASVS-9.1.1 ASVS-11.2.5 a proof with one bit changed is refused, whichever it is', async () => {
  const ring = createKeyring([newest, older])
  const proof = fromBase64url(await ring.sign(purpose, 'm'))
  expect(proof).toHaveLength(32)
  for (let bit = 0; bit < 256; bit++) {
    const changed = Uint8Array.from(proof)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    expect(await ring.verify(purpose, 'm', toBase64url(changed))).toBe(-1)
  }
  for (const length of [0, 1, 16, 31]) {
    expect(await ring.verify(purpose, 'm', toBase64url(proof.slice(0, length)))).toBe(-1)
  }
})

test('a secret is opened at its first use, and its key kept', async () => {
  const keys: Keys = new Map()
  createKeyring([newest, older], Date.now, keys)
  const opened = new Set<string>()
  for (const [secret, key] of keys) {
    const subkey: Key['subkey'] = (purpose) => {
      opened.add(secret)
      return key.subkey(purpose)
    }
    keys.set(secret, { ...key, subkey })
  }
  const ring = createKeyring([newest, older], Date.now, keys)
  expect(opened).toEqual(new Set())
  const proof = await ring.sign(purpose, 'm')
  await ring.sign(purpose, 'n')
  await ring.verify(purpose, 'm', proof)
  // The newest sufficed, so the older one has not been touched.
  expect(opened).toEqual(new Set([newest]))
  await ring.verify(purpose, 'n', proof)
  expect(opened).toEqual(new Set([newest, older]))
  for (const key of keys.values()) expect(await key.subkey(purpose)).toBe(await key.subkey(purpose))
})

test('many requests may use a new ring at once', async () => {
  const ring = createKeyring([newest])
  const proofs = await Promise.all(Array.from({ length: 20 }, async () => ring.sign(purpose, 'm')))
  expect(new Set(proofs).size).toBe(1)
})

test.each<[string, unknown, string]>([
  ['an empty ring', [], 'secrets must be an array'],
  ['a string in place of a ring', newest, 'secrets must be an array'],
  ['nothing', undefined, 'secrets must be an array'],
  ['an environment variable that is not set', [undefined], 'secrets[0] is missing'],
  ['a weak newest secret', ['weak', older], 'secrets[0] has 4 bytes'],
  ['a weak older secret', [newest, 'changeme'], 'secrets[1] has 8 bytes'],
  ['a secret of a tutorial', [newest, older, 'keyboard cat '.repeat(4)], 'secrets[2] looks like a sample'],
])('ASVS-13.3.1 %s is refused at construction', (_, secrets, message) => {
  const make = () => createKeyring(secrets as Secrets)
  expect(make).toThrow(SessionError)
  expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
  expect(make).toThrow(message)
})

test('a ring that is printed tells nothing', () => {
  const ring = createKeyring([newest, older])
  const printed = JSON.stringify(ring) + Object.values(ring).map(String).join()
  expect(printed).not.toContain(newest)
  expect(printed).not.toContain(older)
})

test('nothing but true counts as a proof, and what only resolves to it is waited for', async () => {
  const ring = createKeyring([newest])
  const answers: unknown[] = [1, 'yes', {}, [], Promise.resolve(false), Promise.resolve({})]
  for (const answer of answers) expect(await ring.find(() => answer as boolean)).toBe(-1)
  // oxlint-disable-next-line unicorn/no-thenable
  const foreign = { then: (resolve: (value: boolean) => void) => resolve(false) }
  expect(await ring.find(() => foreign as unknown as Promise<boolean>)).toBe(-1)
  expect(await ring.find(async () => true)).toBe(0)
})

test('who made a proof is told, and judged again without it for as long as the ring has the secret', async () => {
  let at = 0
  const keys: Keys = new Map()
  const retiring = { secret: older, retireAfter: new Date(1000) }
  const ring = createKeyring([newest, retiring], () => at, keys)
  const makers: Key[] = []
  const learn = (maker: Key): void => void makers.push(maker)
  const proof = await createKeyring([older]).sign(purpose, 'message')
  expect(await ring.verify(purpose, 'message', proof, learn)).toBe(1)
  expect(await ring.verify(purpose, 'message', `A${proof.slice(1)}`, learn)).toBe(-1)
  expect(makers).toEqual([keys.get(older)])
  const [maker] = makers
  expect(await ring.judge(maker!)).toBe(1)
  expect(ring.keyUse()).toMatchObject([{ count: 0 }, { count: 2 }])
  at = 1001
  expect(await ring.judge(maker!)).toBe(-1)
  expect(ring.keyUse()).toMatchObject([{ count: 0 }, { count: 2 }])
  at = 0
  expect(await createKeyring([newest], () => at, keys).judge(maker!)).toBe(-1)
})
