import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import { toBase64url } from './bytes.ts'
import { createKeyring, type Keys, type Keyring, type Purpose } from './keyring.ts'
import type { ScheduledSecret, Secrets } from './secret-schedule.ts'

const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const newest = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const purpose: Purpose = 'session-token'
const noon = Date.UTC(2026, 10, 21, 12)
const notBefore = new Date(noon)
const retireAfter = new Date(noon)

/** A ring at a time. */
function ringAt(time: number, secrets: Secrets): Keyring {
  return createKeyring(secrets, () => time)
}

/** What the holder of this secret alone would sign. */
async function proofOf(secret: string): Promise<string> {
  return createKeyring([secret]).sign(purpose, 'm')
}

/** What the ring signs; a rejection, when it has nobody for it. */
async function signedBy(ring: Keyring): Promise<string> {
  return ring.sign(purpose, 'm')
}

/** Whose proof it is, of these secrets. */
async function signerOf(proof: string, secrets: readonly string[]): Promise<number> {
  const proofs = await Promise.all(secrets.map(proofOf))
  return proofs.indexOf(proof)
}

describe('a secret with notBefore', () => {
  const secrets: Secrets = [{ secret: newest, notBefore }, older]

  test.each([
    ['a day before', noon - 86_400_000, 1, 0],
    ['a millisecond before', noon - 1, 1, 0],
    ['to the millisecond', noon, 0, 1],
    ['a millisecond later', noon + 1, 0, 1],
    ['a year later', noon + 365 * 86_400_000, 0, 1],
  ])('ASVS-11.2.2 only verifies until then, %s', async (_, time, signing, ofOlder) => {
    const ring = ringAt(time, secrets)
    expect(await signerOf(await ring.sign(purpose, 'm'), [newest, older])).toBe(signing)
    // What the newer one signed is good as it is; what the older one signed is to be renewed once that does not sign.
    expect(await ring.verify(purpose, 'm', await proofOf(newest))).toBe(0)
    expect(await ring.verify(purpose, 'm', await proofOf(older))).toBe(ofOlder)
    expect(ring.keyUse().map(({ signs }) => signs)).toEqual([signing === 0, signing === 1])
  })

  test('begins to sign in a ring that is in use', async () => {
    let time = noon - 1
    const ring = createKeyring(secrets, () => time)
    expect(await ring.sign(purpose, 'm')).toBe(await proofOf(older))
    time++
    expect(await ring.sign(purpose, 'm')).toBe(await proofOf(newest))
  })
})

describe('a secret with retireAfter', () => {
  const secrets: Secrets = [newest, { secret: older, retireAfter }]

  test.each([
    ['a day before', noon - 86_400_000, 1],
    ['a millisecond before', noon - 1, 1],
    ['to the millisecond', noon, 1],
    ['a millisecond later', noon + 1, -1],
    ['a year later', noon + 365 * 86_400_000, -1],
  ])('ASVS-13.3.4 verifies until then and no longer, %s', async (_, time, verdict) => {
    expect(await ringAt(time, secrets).verify(purpose, 'm', await proofOf(older))).toBe(verdict)
  })

  test.each([
    ['a millisecond before', noon - 1, 0, 1],
    ['to the millisecond', noon, 0, 1],
    ['a millisecond later', noon + 1, 1, 0],
  ])('ASVS-13.3.4 leaves the signing to the next one, %s', async (_, time, signing, ofOlder) => {
    const ring = ringAt(time, [{ secret: newest, retireAfter }, older])
    expect(await signerOf(await ring.sign(purpose, 'm'), [newest, older])).toBe(signing)
    expect(await ring.verify(purpose, 'm', await proofOf(older))).toBe(ofOlder)
    expect(await ring.verify(purpose, 'm', await proofOf(newest))).toBe(signing === 0 ? 0 : -1)
  })

  test('leaves no gap when the next one begins where it ends', async () => {
    for (const time of [noon - 1, noon, noon + 1]) {
      const ring = ringAt(time, [
        { secret: newest, notBefore },
        { secret: older, retireAfter },
      ])
      expect(await signerOf(await ring.sign(purpose, 'm'), [newest, older])).toBe(time < noon ? 1 : 0)
    }
  })
})

describe('a ring of which no secret may sign now', () => {
  const gap: Secrets = [
    { secret: newest, notBefore: new Date(noon + 1000) },
    { secret: older, retireAfter },
  ]

  test.each<[string, Secrets]>([
    ['all are still to come', [{ secret: newest, notBefore: new Date(noon + 1) }]],
    ['all have retired', [{ secret: newest, retireAfter: new Date(noon - 1) }]],
    ['one is still to come and the other has retired', [...gap]],
  ])('ASVS-11.1.1 is refused at construction: %s', (_, secrets) => {
    const make = () => ringAt(secrets.length === 2 ? noon + 1 : noon, secrets)
    expect(make).toThrow(SessionError)
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    expect(make).toThrow(
      /^secrets need one that may sign now: its notBefore is past, its retireAfter is not\.$/,
    )
  })

  test('ASVS-11.2.5 rejects what would have to be signed once it has come to that', async () => {
    let time = noon
    const ring = createKeyring(gap, () => time)
    await ring.ready()
    time = noon + 1
    const refusal = { code: 'ERR_SESSION_CONFIG', message: expect.stringContaining('may sign now') }
    await expect(signedBy(ring)).rejects.toMatchObject(refusal)
    await expect(async () => ring.ready()).rejects.toMatchObject(refusal)
    expect(ring.keyUse().map(({ signs }) => signs)).toEqual([false, false])
    // The staged one verifies all the while, and nothing is to be renewed where nothing can be.
    expect(await ring.verify(purpose, 'm', await proofOf(newest))).toBe(0)
    expect(await ring.verify(purpose, 'm', await proofOf(older))).toBe(-1)
    time = noon + 1000
    expect(await ring.sign(purpose, 'm')).toBe(await proofOf(newest))
  })

  test('is found out later where the clock stands still at construction', async () => {
    // The global scope of a Worker: cloudflare/workerd#6839.
    let time = 0
    const ring = createKeyring([{ secret: newest, notBefore }], () => time)
    await expect(signedBy(ring)).rejects.toThrow('may sign now')
    time = noon
    expect(await ring.sign(purpose, 'm')).toBe(await proofOf(newest))
  })
})

test('ASVS-11.2.2 at any time of any ring, the first that may signs, and all that have not retired verify', async () => {
  let state = 11_22
  const randomByte = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    return (state >>> 16) & 0xff
  }
  const texts = Array.from({ length: 4 }, () => toBase64url(Uint8Array.from({ length: 32 }, randomByte)))
  const proofs = await Promise.all(texts.map(proofOf))
  const times = fc.record({ from: fc.option(fc.nat(8)), until: fc.option(fc.nat(8)) })
  // Whoever makes the ring anew would wait for HKDF each time, so its keys are handed on.
  const keys: Keys = new Map()
  await fc.assert(
    fc.asyncProperty(fc.array(times, { minLength: 1, maxLength: 4 }), fc.nat(9), async (schedules, hour) => {
      fc.pre(schedules.every(({ from, until }) => from === null || until === null || from < until))
      const secrets = schedules.map(({ from, until }, index): ScheduledSecret => {
        const scheduled: Record<string, unknown> = { secret: texts[index]! }
        if (from !== null) scheduled['notBefore'] = new Date(noon + from)
        if (until !== null) scheduled['retireAfter'] = new Date(noon + until)
        return scheduled as unknown as ScheduledSecret
      })
      let time = 0
      const ring = createKeyring(secrets as unknown as Secrets, () => time, keys)
      time = noon + hour
      const retired = schedules.map(({ until }) => until !== null && hour > until)
      const staged = schedules.map(({ from }) => from !== null && hour < from)
      const signing = schedules.findIndex((_, index) => !retired[index] && !staged[index])
      const signed = await signedBy(ring).catch((error: SessionError) => error.code)
      expect(signed).toBe(signing === -1 ? 'ERR_SESSION_CONFIG' : proofs[signing])
      for (const [index, proof] of proofs.entries()) {
        const verdict = await ring.verify(purpose, 'm', proof)
        if (index >= schedules.length || retired[index]) expect(verdict).toBe(-1)
        else expect(verdict).toBe(signing !== -1 && index > signing ? index : 0)
      }
    }),
    { seed: 1122, numRuns: 300 },
  )
})

describe('keyUse', () => {
  test('ASVS-11.1.1 says when each secret was last seen, and how often', async () => {
    let time = noon
    const ring = createKeyring([newest, { secret: older, label: '2025' }], () => time)
    const unused = { count: 0, lastSeenAt: null }
    expect(ring.keyUse()).toEqual([
      { index: 0, label: null, signs: true, ...unused },
      { index: 1, label: '2025', signs: false, ...unused },
    ])
    const proof = await proofOf(older)
    for (time of [noon + 1, noon + 2, noon + 3]) await ring.verify(purpose, 'm', proof)
    expect(ring.keyUse()).toEqual([
      { index: 0, label: null, signs: true, ...unused },
      { index: 1, label: '2025', signs: false, count: 3, lastSeenAt: noon + 3 },
    ])
    await ring.verify(purpose, 'm', await ring.sign(purpose, 'm'))
    expect(ring.keyUse().map(({ count }) => count)).toEqual([1, 3])
  })

  test('counts neither what is signed, nor what nobody signed, nor what a retired secret signed', async () => {
    const ring = ringAt(noon + 1, [newest, { secret: older, retireAfter }])
    await ring.sign(purpose, 'm')
    await ring.verify(purpose, 'another', await proofOf(older))
    await ring.verify(purpose, 'm', await proofOf(older))
    expect(ring.keyUse().map(({ count, lastSeenAt }) => ({ count, lastSeenAt }))).toEqual([
      { count: 0, lastSeenAt: null },
      { count: 0, lastSeenAt: null },
    ])
  })

  test('tells nothing of the secrets themselves', () => {
    const text = JSON.stringify(ringAt(noon, [newest, older]).keyUse())
    expect(text).not.toContain(newest.slice(0, 8))
    expect(text).not.toContain(older.slice(0, 8))
  })

  test('goes on in the ring that takes its place, and forgets with the secret', async () => {
    const keys: Keys = new Map()
    const before = createKeyring([older], () => noon, keys)
    await before.verify(purpose, 'm', await proofOf(older))
    const after = createKeyring([newest, older], () => noon, keys)
    expect(after.keyUse().map(({ count }) => count)).toEqual([0, 1])
    // A request that still holds the ring before counts for the same secret.
    await before.verify(purpose, 'm', await proofOf(older))
    expect(after.keyUse().map(({ count }) => count)).toEqual([0, 2])
    createKeyring([newest], () => noon, keys)
    expect([...keys.keys()]).toEqual([newest])
  })

  test('a ring that is refused leaves the keys of the one before', () => {
    const keys: Keys = new Map()
    createKeyring([older], () => noon, keys)
    expect(() => createKeyring([newest, 'weak'], () => noon, keys)).toThrow(SessionError)
    expect(() => createKeyring([{ secret: newest, notBefore }], () => noon - 1, keys)).toThrow('sign now')
    expect([...keys.keys()]).toEqual([older])
  })
})

test('a proof of one purpose is worth nothing for another', async () => {
  const ring = ringAt(noon, [newest])
  expect(await ring.verify('csrf-token', 'm', await ring.sign('session-token', 'm'))).toBe(-1)
  expect(await ring.verify('session-token', 'm', await ring.sign('csrf-token', 'm'))).toBe(-1)
  expect(await ring.verify('csrf-token', 'm', await ring.sign('csrf-token', 'm'))).toBe(0)
})
