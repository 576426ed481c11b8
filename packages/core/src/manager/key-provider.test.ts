import { describe, expect, test } from 'vitest'
import { createKeyring, type Keyring } from '../crypto/keyring.ts'
import type { Secrets } from '../crypto/secret-schedule.ts'
import { SessionError } from '../errors.ts'
import { keyringOf, type SecretsProvider, type SecretsSource } from './key-provider.ts'

const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const newer = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const newest = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw'
const minute = 60_000
const outage = new Error('The vault is sealed.')

interface Question {
  answer(secrets: unknown): Promise<void>
  fail(error?: unknown): Promise<void>
}

/** A vault that answers when the test says so, and the ring over it. */
function openVault(refreshEvery?: SecretsProvider['refreshEvery']) {
  const clock = { time: Date.UTC(2026, 10, 21, 12) }
  const failures: unknown[] = []
  const questions: Question[] = []
  const load = (): Promise<Secrets> =>
    new Promise((resolve, reject) => {
      questions.push({
        answer: (secrets) => settled(() => resolve(secrets as Secrets)),
        fail: (error = outage) => settled(() => reject(error)),
      })
    })
  const source = refreshEvery === undefined ? load : { load, refreshEvery }
  const ring = keyringOf(
    source,
    () => clock.time,
    (error) => failures.push(error),
  )
  return { clock, failures, questions, ring }
}

/** Lets everything happen that follows from a step. */
async function settled(step: () => void): Promise<void> {
  step()
  await new Promise((resolve) => setTimeout(resolve))
}

async function sign(ring: Keyring): Promise<string> {
  return ring.sign('session-token', 'm')
}

/** The proof of this secret alone. */
function proofOf(secret: string): Promise<string> {
  return sign(createKeyring([secret]))
}

/** A vault whose ring has these secrets already. */
async function openedVault(secrets: Secrets, refreshEvery?: SecretsProvider['refreshEvery']) {
  const vault = openVault(refreshEvery)
  const ready = vault.ring.ready()
  await vault.questions[0]!.answer(secrets)
  await ready
  return vault
}

describe('secrets that are given', () => {
  test('make a ring at once', async () => {
    const ring = keyringOf([newer, older], Date.now, () => {})
    expect(await sign(ring)).toBe(await proofOf(newer))
    expect(ring.keyUse()).toHaveLength(2)
  })

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'secrets must be an array of secrets, newest first, or a function'],
    ['null', null, 'secrets must be an array'],
    ['a string', newer, 'secrets must be an array'],
    ['an empty ring', [], 'secrets must be an array'],
    ['a promise', Promise.resolve([newer]), 'secrets must be an array'],
    ['a provider that cannot load', { load: 'soon' }, 'secrets must be an array'],
    ['a weak secret', ['weak'], 'secrets[0] has 4 bytes'],
    [
      'a provider with a wrong time',
      { load: () => [newer], refreshEvery: 300 },
      'secrets.refreshEvery is 300',
    ],
  ])('ASVS-13.3.1 %s is refused at construction', (_, secrets, message) => {
    const make = () => keyringOf(secrets as SecretsSource, Date.now, () => {})
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    expect(make).toThrow(message)
  })
})

describe('the first load', () => {
  test('ASVS-13.3.1 happens at the first use, which waits for it', async () => {
    const { questions, ring } = openVault()
    expect(questions).toHaveLength(0)
    expect(ring.keyUse()).toEqual([])
    const proof = sign(ring)
    expect(questions).toHaveLength(1)
    await questions[0]!.answer([newer, older])
    expect(await proof).toBe(await proofOf(newer))
    expect(await ring.verify('session-token', 'm', await proofOf(older))).toBe(1)
    expect(ring.keyUse().map(({ count }) => count)).toEqual([0, 1])
    expect(questions).toHaveLength(1)
  })

  test('may answer at once, and knows its own object', async () => {
    class Vault implements SecretsProvider {
      #secrets: Secrets = [newer]
      load(): Secrets {
        return this.#secrets
      }
    }
    expect(await sign(keyringOf(new Vault(), Date.now, () => {}))).toBe(await proofOf(newer))
  })

  test('ASVS-11.2.5 that fails rejects the use that needed it, and the next use asks again', async () => {
    const { failures, questions, ring } = openVault()
    const theirs = await proofOf(newer)
    const uses = [sign, async () => ring.verify('session-token', 'm', theirs), async () => ring.ready()]
    const settledUses = Promise.allSettled(uses.map((use) => use(ring)))
    for (const question of questions) await question.fail()
    for (const use of await settledUses) {
      const { reason } = use as PromiseRejectedResult
      expect(reason).toBeInstanceOf(SessionError)
      expect(reason).toMatchObject({ code: 'ERR_SESSION_CONFIG', message: 'secrets could not be loaded.' })
      expect(reason.cause).toBe(outage)
    }
    expect(failures).toEqual([outage, outage, outage])
    const proof = sign(ring)
    await questions[3]!.answer([newer])
    expect(await proof).toBe(await proofOf(newer))
  })

  test('fails as well when the provider throws before it promises', async () => {
    const failures: unknown[] = []
    const provider = (): Secrets => {
      throw outage
    }
    const ring = keyringOf(provider, Date.now, (error) => failures.push(error))
    await expect(sign(ring)).rejects.toMatchObject({ code: 'ERR_SESSION_CONFIG', cause: outage })
    expect(failures).toEqual([outage])
  })

  test.each<[string, unknown, string]>([
    ['no ring', undefined, 'secrets must be an array'],
    ['an empty ring', [], 'secrets must be an array'],
    ['a weak secret', [newer, 'changeme'], 'secrets[1] has 8 bytes'],
    ['a secret twice', [newer, newer], 'secrets[1] is there twice'],
    [
      'none that may sign',
      [{ secret: newer, retireAfter: '2026-11-20' }],
      'secrets need one that may sign now',
    ],
  ])('ASVS-13.3.1 that brings %s is one that fails', async (_, secrets, message) => {
    const { failures, questions, ring } = openVault()
    const use = expect(sign(ring)).rejects.toThrow(message)
    await questions[0]!.answer(secrets)
    await use
    expect(failures).toHaveLength(1)
    expect(failures[0]).toMatchObject({ code: 'ERR_SESSION_CONFIG' })
  })

  test('is made by each request for itself, since a promise may end with its request', async () => {
    const { questions, ring } = openVault()
    // The request of the first one is over before its answer comes: nobody will hear of it.
    void sign(ring)
    const second = sign(ring)
    expect(questions).toHaveLength(2)
    await questions[1]!.answer([newer])
    expect(await second).toBe(await proofOf(newer))
    expect(await sign(ring)).toBe(await proofOf(newer))
    expect(questions).toHaveLength(2)
  })
})

describe('a refresh', () => {
  test('happens in the background, once, when the time has come', async () => {
    const { clock, questions, ring } = await openedVault([older])
    clock.time += 5 * minute - 1
    expect(await sign(ring)).toBe(await proofOf(older))
    expect(questions).toHaveLength(1)
    clock.time++
    const proofs = await Promise.all([sign(ring), sign(ring), sign(ring)])
    expect(new Set(proofs)).toEqual(new Set([await proofOf(older)]))
    expect(questions).toHaveLength(2)
    await questions[1]!.answer([newer, older])
    expect(await sign(ring)).toBe(await proofOf(newer))
    expect(await ring.verify('session-token', 'm', await proofOf(older))).toBe(1)
    clock.time += 5 * minute - 1
    await sign(ring)
    expect(questions).toHaveLength(2)
  })

  test('happens as often as it is told', async () => {
    const { clock, questions, ring } = await openedVault([older], '90s')
    for (const [wait, asked] of [
      [90_000 - 1, 1],
      [1, 2],
    ] as const) {
      clock.time += wait
      await sign(ring)
      expect(questions).toHaveLength(asked)
    }
  })

  test.each<[string, (question: Question) => Promise<void>, unknown]>([
    ['fails', (question) => question.fail(), outage],
    ['brings a weak secret', (question) => question.answer(['weak']), expect.any(SessionError)],
    ['brings nothing', (question) => question.answer(null), expect.any(SessionError)],
  ])(
    'ASVS-13.3.1 that %s keeps the secrets, is reported, and is tried again later',
    async (_, go, failure) => {
      const { clock, failures, questions, ring } = await openedVault([older])
      clock.time += 5 * minute
      await sign(ring)
      await go(questions[1]!)
      expect(failures).toEqual([failure])
      expect(await sign(ring)).toBe(await proofOf(older))
      expect(questions).toHaveLength(2)
      clock.time += 5 * minute
      const proof = sign(ring)
      await questions[2]!.answer([newer])
      expect(await proof).toBe(await proofOf(newer))
      expect(failures).toHaveLength(1)
    },
  )

  test('is waited for when the secrets are twice as old, by the one that asks', async () => {
    const { clock, questions, ring } = await openedVault([older])
    clock.time += 10 * minute
    let done = false
    const proof = sign(ring).finally(() => {
      done = true
    })
    // Who comes meanwhile is served: a vault that hangs must not stop everybody.
    expect(await sign(ring)).toBe(await proofOf(older))
    expect(done).toBe(false)
    expect(questions).toHaveLength(2)
    await questions[1]!.answer([newer])
    expect(await proof).toBe(await proofOf(newer))
  })

  test('that is waited for and fails is no failure of the request', async () => {
    const { clock, failures, questions, ring } = await openedVault([older])
    clock.time += 24 * 60 * minute
    const proof = sign(ring)
    await questions[1]!.fail()
    expect(await proof).toBe(await proofOf(older))
    expect(failures).toEqual([outage])
    expect(await sign(ring)).toBe(await proofOf(older))
    expect(questions).toHaveLength(2)
  })

  test('that was cut off with its request is made up for', async () => {
    const { clock, questions, ring } = await openedVault([older])
    clock.time += 5 * minute
    await sign(ring)
    // Its question is never answered.
    clock.time += 5 * minute
    const proof = sign(ring)
    expect(questions).toHaveLength(3)
    await questions[2]!.answer([newer])
    expect(await proof).toBe(await proofOf(newer))
  })

  test('that is answered late does not bring older secrets back', async () => {
    const { clock, questions, ring } = await openedVault([older])
    clock.time += 5 * minute
    await sign(ring)
    clock.time += 5 * minute
    const proof = sign(ring)
    await questions[2]!.answer([newest])
    expect(await proof).toBe(await proofOf(newest))
    await questions[1]!.answer([newer])
    expect(await sign(ring)).toBe(await proofOf(newest))
  })

  test('ASVS-13.3.4 ends what a secret signed that the vault no longer has', async () => {
    const { clock, questions, ring } = await openedVault([newer, older])
    clock.time += 5 * minute
    await sign(ring)
    await questions[1]!.answer([newer])
    expect(await ring.verify('session-token', 'm', await proofOf(older))).toBe(-1)
  })

  test('keeps the count of a secret, wherever it stands in the ring', async () => {
    const { clock, questions, ring } = await openedVault([older])
    await ring.verify('session-token', 'm', await proofOf(older))
    const seenAt = clock.time
    clock.time += 5 * minute
    await sign(ring)
    await questions[1]!.answer([newer, { secret: older, label: 'v1' }])
    expect(ring.keyUse()).toEqual([
      { index: 0, label: null, signs: true, count: 0, lastSeenAt: null },
      { index: 1, label: 'v1', signs: false, count: 1, lastSeenAt: seenAt },
    ])
  })
})
