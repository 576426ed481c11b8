import { describe, expect, test, vi } from 'vitest'
import { kidOf, rightHeader, sealByHand } from '../../../../test/support/seal-twin.ts'
import { keyringOf } from '../manager/key-provider.ts'
import { randomText, toBase64url, utf8 } from './bytes.ts'
import { createKeyring, type Keyring } from './keyring.ts'
import { mostKept } from './recently-used.ts'
import { createSealer, type SealContext, type Sealer } from './sealer.ts'
import type { Secrets } from './secret-schedule.ts'

// What names a secret is a key that WebCrypto derives, except on Node, where node:crypto does so unseen.
const naming = globalThis.navigator?.userAgent === 'Cloudflare-Workers' ? 1 : 0

const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const newest = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const context: SealContext = { purpose: 'cookie-session', audience: 'shop', cookieName: 'sid' }
const content = '{"n":1}'
/** Its tokens are too long to be remembered. */
const long = JSON.stringify('x'.repeat(3000))
const noon = Date.UTC(2026, 10, 21, 12)
const notBefore = new Date(noon)
const retireAfter = new Date(noon)

function sealerAt(time: number, secrets: Secrets): Sealer {
  return createSealer(
    createKeyring(secrets, () => time),
    context,
  )
}

/** What the holder of this secret alone would seal. */
function sealedBy(secret: string): Promise<string> {
  return createSealer(createKeyring([secret]), context).seal(content)
}

/** The index of the secret that a token opens with, or why it does not. */
async function indexOf(sealer: Sealer, token: string): Promise<number | string> {
  const opened = await sealer.open(token)
  return typeof opened === 'string' ? opened : opened.keyIndex
}

const counts = (ring: Keyring): number[] => ring.keyUse().map(({ count }) => count)

describe('a ring of secrets', () => {
  test('ASVS-11.2.2 seals by the newest and opens by all, and says when a token is to be sealed anew', async () => {
    const ring = createKeyring([newest, older])
    const sealer = createSealer(ring, context)
    const token = await sealer.seal(content)
    expect(await sealer.open(await sealedBy(older))).toEqual({ content, keyIndex: 1 })
    expect(await sealer.open(token)).toEqual({ content, keyIndex: 0 })
    expect(await indexOf(createSealer(createKeyring([newest]), context), token)).toBe(0)
    expect(await indexOf(createSealer(createKeyring([older]), context), token)).toBe('forged')
  })

  test.each([
    ['a millisecond before', noon - 1, 1, 0],
    ['to the millisecond', noon, 0, 1],
  ])(
    'ASVS-11.1.1 ASVS-11.2.2 notBefore: the new secret only opens until then, %s',
    async (_, time, signing, ofOlder) => {
      const sealer = sealerAt(time, [{ secret: newest, notBefore }, older])
      const [, kid] = /"kid":"(.*?)"/.exec(atob((await sealer.seal(content)).split('.')[0]!)) ?? []
      expect(kid).toBe(await kidOf([newest, older][signing]!))
      expect(await indexOf(sealer, await sealedBy(newest))).toBe(0)
      expect(await indexOf(sealer, await sealedBy(older))).toBe(ofOlder)
    },
  )

  test.each([
    ['a millisecond before', noon - 1, 1],
    ['to the millisecond', noon, 1],
    ['a millisecond later', noon + 1, 'forged'],
  ])('ASVS-13.3.4 retireAfter: a secret opens until then and no longer, %s', async (_, time, verdict) => {
    const sealer = sealerAt(time, [newest, { secret: older, retireAfter }])
    expect(await indexOf(sealer, await sealedBy(older))).toBe(verdict)
  })

  test('ASVS-13.3.4 opens nothing of a secret that has retired meanwhile, though its keys are known', async () => {
    let time = noon
    const ring = createKeyring([{ secret: newest, retireAfter }, older], () => time)
    const sealer = createSealer(ring, context)
    const token = await sealer.seal(content)
    expect(await indexOf(sealer, token)).toBe(0)
    time++
    const calls = await callsIn(async () => expect(await sealer.open(token)).toBe('forged'))
    expect(calls.decryptions).toBe(0)
    // The next one seals on.
    expect(await indexOf(sealer, await sealer.seal(content))).toBe(0)
    expect(counts(ring)).toEqual([1, 1])
  })

  test('ASVS-11.2.5 that has none to seal with rejects, and goes on opening', async () => {
    let time = noon
    const ring = createKeyring(
      [
        { secret: newest, notBefore: new Date(noon + 9) },
        { secret: older, retireAfter },
      ],
      () => time,
    )
    const sealer = createSealer(ring, context)
    time++
    await expect(sealer.seal(content)).rejects.toMatchObject({ code: 'ERR_SESSION_CONFIG' })
    expect(await indexOf(sealer, await sealedBy(newest))).toBe(0)
    expect(await indexOf(sealer, await sealedBy(older))).toBe('forged')
  })

  test('ASVS-11.1.1 counts what its secrets have opened, and nothing else', async () => {
    let time = noon
    const ring = createKeyring([newest, { secret: older, label: '2025' }], () => time)
    const sealer = createSealer(ring, context)
    const token = await sealer.seal(content)
    await sealer.open(token.slice(1))
    await sealer.open(token.replace(/.\./, '..'))
    await createSealer(ring, { ...context, audience: 'blog' }).open(token)
    expect(counts(ring)).toEqual([0, 0])
    const old = await sealedBy(older)
    for (time of [noon + 1, noon + 2]) await sealer.open(old)
    await sealer.open(token)
    await ring.verify('session-token', 'm', await ring.sign('session-token', 'm'))
    expect(ring.keyUse()).toEqual([
      { index: 0, label: null, signs: true, count: 2, lastSeenAt: noon + 2 },
      { index: 1, label: '2025', signs: false, count: 2, lastSeenAt: noon + 2 },
    ])
  })
})

describe('secrets of a provider', () => {
  const minute = 60_000

  test('ASVS-13.3.1 are waited for by the first use, and what never was a token does not ask for them', async () => {
    const token = await sealedBy(older)
    const load = vi.fn((): Promise<Secrets> => Promise.resolve([newest, older]))
    const make = () =>
      createSealer(
        keyringOf(load, Date.now, () => {}),
        context,
      )
    const sealer = make()
    expect(await sealer.open(`${token}!`)).toBe('malformed')
    expect(load).toHaveBeenCalledTimes(0)
    expect(await sealer.open(token)).toEqual({ content, keyIndex: 1 })
    const other = make()
    expect(await indexOf(sealer, await other.seal(content))).toBe(0)
    expect(load).toHaveBeenCalledTimes(2)
  })

  test('ASVS-11.2.5 that do not come are an error, and no forgery', async () => {
    const outage = new Error('The vault is sealed.')
    const sealer = createSealer(
      keyringOf(
        () => Promise.reject(outage),
        Date.now,
        () => {},
      ),
      context,
    )
    const refusal = { code: 'ERR_SESSION_CONFIG', cause: outage }
    await expect(sealer.seal(content)).rejects.toMatchObject(refusal)
    await expect(sealer.open(await sealedBy(newest))).rejects.toMatchObject(refusal)
  })

  test('ASVS-13.3.4 are refreshed: keys and counts stay with a secret as long as it is there', async () => {
    const answers: Secrets[] = [[older], [newest, older], [newest]]
    let time = noon
    const ring = keyringOf(
      () => answers.shift()!,
      () => time,
      () => {},
    )
    const sealer = createSealer(ring, context)
    const token = await sealer.seal(content)
    expect(await indexOf(sealer, token)).toBe(0)
    // So old that the one who comes waits for newer ones.
    time += 10 * minute
    const first = await callsIn(async () => expect(await indexOf(sealer, token)).toBe(1))
    // The new secret is given its name; of the old one, everything is known.
    expect(first).toEqual({ imports: naming, derivations: naming, signatures: naming, decryptions: 0 })
    expect(counts(ring)).toEqual([0, 2])
    time += 10 * minute
    const gone = await callsIn(async () => expect(await sealer.open(token)).toBe('forged'))
    expect(gone).toEqual({ imports: 0, derivations: 0, signatures: 0, decryptions: 0 })
  })
})

/** What is asked of WebCrypto meanwhile. */
async function callsIn(work: () => unknown) {
  const { subtle } = crypto
  const spies = [
    vi.spyOn(subtle, 'importKey'),
    vi.spyOn(subtle, 'deriveKey'),
    vi.spyOn(subtle, 'sign'),
    vi.spyOn(subtle, 'decrypt'),
  ]
  try {
    await work()
    const [imports, derivations, signatures, decryptions] = spies.map(({ mock }) => mock.calls.length)
    return { imports, derivations, signatures, decryptions }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

describe('the work of a read', () => {
  const nothing = { imports: 0, derivations: 0, signatures: 0, decryptions: 0 }
  const once = { ...nothing, decryptions: 1 }

  test('is one derivation for a salt, one decryption for a token, and nothing when it comes again', async () => {
    const maker = createSealer(createKeyring([newest]), context)
    const [token, next, other] = [
      await maker.seal(content),
      await maker.seal(content),
      await sealedBy(newest),
    ]
    const sealer = createSealer(createKeyring([newest]), context)
    const read = (token: string) => callsIn(async () => expect(await indexOf(sealer, token)).toBe(0))
    // The secret is imported twice and given its name, once in the life of the process.
    const work = { imports: 1 + naming, derivations: 1 + naming, signatures: naming, decryptions: 1 }
    expect(await read(token)).toEqual(work)
    expect(await read(token)).toEqual(nothing)
    expect(await read(next)).toEqual(once)
    expect(await read(token)).toEqual(nothing)
    expect(await read(other)).toEqual({ ...once, derivations: 1 })
    expect(await read(other)).toEqual(nothing)
  })

  test('is nothing for what was sealed here, and the decryption alone when that is too long', async () => {
    const sealer = createSealer(createKeyring([newest, older]), context)
    const [token, longer] = [await sealer.seal(content), await sealer.seal(long)]
    expect(await callsIn(() => sealer.open(token))).toEqual(nothing)
    expect(await callsIn(() => sealer.open(longer))).toEqual(once)
  })

  test('is one decryption by whichever secret of the ring', async () => {
    const sealer = createSealer(createKeyring([newest, older]), context)
    const maker = createSealer(createKeyring([older]), context)
    await sealer.open(await maker.seal(content))
    const token = await maker.seal(content)
    expect(await callsIn(() => sealer.open(token))).toEqual(once)
  })

  test('ASVS-11.2.1 makes keys that nobody can read out, for AES-256-GCM and nothing else', async () => {
    const derive = vi.spyOn(crypto.subtle, 'deriveKey')
    const load = vi.spyOn(crypto.subtle, 'importKey')
    try {
      await createSealer(createKeyring([newest]), context).seal(content)
      const keys = await Promise.all(
        [...derive.mock.results, ...load.mock.results].map(({ value }) => value as unknown),
      )
      expect(keys).toHaveLength(2 + 2 * naming)
      for (const key of keys) expect(key).toHaveProperty('extractable', false)
      expect(keys.map((key) => (key as CryptoKey).algorithm)).toContainEqual({ name: 'AES-GCM', length: 256 })
    } finally {
      derive.mockRestore()
      load.mockRestore()
    }
  })
})

describe('the keys that are kept', () => {
  /** How many derivations opening takes, which has to succeed. */
  async function derivationsFor(sealer: Sealer, token: string): Promise<number> {
    const calls = await callsIn(async () => expect(await indexOf(sealer, token)).toBe(0))
    return calls.derivations!
  }

  test('are the last that were used: five hundred at least, and a thousand at most', async () => {
    const sealer = createSealer(createKeyring([newest]), context, 1)
    const tokens: string[] = []
    for (let made = 0; made < mostKept + 2; made++) {
      tokens.push(await sealer.seal(long))
      if (made % 400 === 0) expect(await derivationsFor(sealer, tokens[0]!)).toBe(0)
    }
    expect(await derivationsFor(sealer, tokens.at(-mostKept / 2)!)).toBe(0)
    expect(await derivationsFor(sealer, tokens[0]!)).toBe(0)
    expect(await derivationsFor(sealer, tokens[1]!)).toBe(1)
  })

  test('are not even derived for a hundred thousand tokens of a secret that nobody has', async () => {
    const sealer = createSealer(createKeyring([newest]), context)
    const token = await sealer.seal(content)
    const [, ...rest] = token.split('.')
    const calls = await callsIn(async () => {
      for (let made = 0; made < 100_000; made++) {
        const header = toBase64url(utf8(rightHeader(randomText(9), randomText(16))))
        if ((await sealer.open([header, ...rest].join('.'))) !== 'forged') expect.fail(header)
      }
    })
    expect(calls).toEqual({ imports: 0, derivations: 0, signatures: 0, decryptions: 0 })
    expect(await derivationsFor(sealer, token)).toBe(0)
  })

  test('are not driven out by forged salts', async () => {
    const sealer = createSealer(createKeyring([newest]), context)
    const token = await sealer.seal(long)
    const [, ...rest] = token.split('.')
    const kid = await kidOf(newest)
    const forge = (): string => [toBase64url(utf8(rightHeader(kid, randomText(16)))), ...rest].join('.')
    for (let made = 0; made < 3 * mostKept; made++) expect(await sealer.open(forge())).toBe('forged')
    expect(await derivationsFor(sealer, token)).toBe(0)
    // Nor is one kept that comes again.
    const forged = forge()
    await sealer.open(forged)
    expect((await callsIn(() => sealer.open(forged))).derivations).toBe(1)
  })

  test('are those of one context: the same salt in another has another key', async () => {
    const ring = createKeyring([newest])
    const salt = randomText(16)
    const sealers = (['cookie-session', 'session-snapshot'] as const).map((purpose) => {
      return { purpose, sealer: createSealer(ring, { ...context, purpose }) }
    })
    const tokens = await Promise.all(
      sealers.map(({ purpose }) => sealByHand({ ...context, purpose, secret: newest }, content, { salt })),
    )
    for (const [of, { sealer }] of [...sealers.entries(), ...sealers.entries()]) {
      for (const [by, token] of tokens.entries()) {
        expect(await indexOf(sealer, token)).toBe(of === by ? 0 : 'forged')
      }
    }
  })

  test('are those of one secret: the same salt under another has another key', async () => {
    const salt = randomText(16)
    const sealer = createSealer(createKeyring([newest, older]), context)
    for (const [index, secret] of [newest, older, newest, older].entries()) {
      const token = await sealByHand({ ...context, secret }, content, { salt })
      expect(await indexOf(sealer, token)).toBe(index % 2)
    }
  })
})

test('a sealer that is printed tells nothing', async () => {
  const ring = createKeyring([newest, older])
  const sealer = createSealer(ring, context)
  await sealer.seal(content)
  const key = await ring.ready()
  const printed = [sealer, key].map((it) => JSON.stringify(it) + Object.values(it).map(String).join()).join()
  for (const secret of [newest, older]) expect(printed).not.toContain(secret)
})
