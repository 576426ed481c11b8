import { describe, expect, test } from 'vitest'
import { decryptionsIn } from '../../../../test/support/decryptions.ts'
import { keyringOf } from '../manager/key-provider.ts'
import { createKeyring } from './keyring.ts'
import { mostKept } from './recently-used.ts'
import { createSealer, type SealContext, type Sealer } from './sealer.ts'
import type { Secrets } from './secret-schedule.ts'

const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const newest = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const context: SealContext = { purpose: 'cookie-session', audience: 'shop', cookieName: 'sid' }
const content = '{"n":1}'
const noon = Date.UTC(2026, 10, 21, 12)
const ring = createKeyring([newest, older])
/** Another process, of which the sealers here know nothing. */
const maker = createSealer(ring, context)

const make = (): Sealer => createSealer(ring, context)

/** A sealer whose secrets a vault keeps, and one way to have it ask for the next. */
function refreshed(...answers: Secrets[]) {
  let time = noon
  const source = keyringOf(
    () => answers.shift()!,
    () => time,
    () => {},
  )
  const refresh = (): void => void (time += 3_600_000)
  return { refresh, sealer: createSealer(source, context) }
}

describe('a token that was opened', () => {
  test('is answered at once when it comes again, as often as it does', async () => {
    const sealer = make()
    const token = await maker.seal(content)
    await sealer.open(token)
    for (const again of [token, `${token}.`.slice(0, -1)]) {
      expect(sealer.open(again)).toEqual({ content, keyIndex: 0 })
    }
  })

  test('ASVS-9.1.1 ASVS-11.2.5 does not let one in that differs by a character', async () => {
    const sealer = make()
    const token = await maker.seal(content)
    await sealer.open(token)
    for (const [at, character] of token.split('').entries()) {
      const changed = token.slice(0, at) + (character === 'A' ? 'B' : 'A') + token.slice(at + 1)
      expect(await sealer.open(changed)).toBeTypeOf('string')
    }
    for (const changed of [token.slice(0, -1), token.slice(1), `${token}A`, ` ${token}`]) {
      expect(await sealer.open(changed)).toBeTypeOf('string')
    }
    expect(sealer.open(token)).toEqual({ content, keyIndex: 0 })
  })

  test('ASVS-13.3.4 opens no more when its secret has retired', async () => {
    let time = noon
    const secrets: Secrets = [{ secret: newest, retireAfter: new Date(noon) }, older]
    const sealer = createSealer(
      createKeyring(secrets, () => time),
      context,
    )
    const [opened, sealed] = [await maker.seal(content), await sealer.seal(content)]
    await sealer.open(opened)
    for (const token of [opened, sealed]) expect(sealer.open(token)).toEqual({ content, keyIndex: 0 })
    time++
    expect([await sealer.open(opened), await sealer.open(sealed)]).toEqual(['forged', 'forged'])
  })

  test('ASVS-13.3.4 opens no more when its secret has gone, and anew when that comes back', async () => {
    const { refresh, sealer } = refreshed([newest, older], [older], [older, newest])
    const token = await maker.seal(content)
    await sealer.open(token)
    expect(sealer.open(token)).toEqual({ content, keyIndex: 0 })
    refresh()
    expect(await decryptionsIn(async () => expect(await sealer.open(token)).toBe('forged'))).toBe(0)
    refresh()
    // By the index that the secret has now, and by a key that has forgotten everything.
    const again = async () => expect(await sealer.open(token)).toEqual({ content, keyIndex: 1 })
    expect(await decryptionsIn(again)).toBe(1)
  })

  test('ASVS-9.2.3 opens nowhere else: each sealer remembers for its own context', async () => {
    const sealer = make()
    const token = await sealer.seal(content)
    for (const other of [
      { ...context, audience: 'blog' },
      { ...context, cookieName: 'sid2' },
      { ...context, purpose: 'session-snapshot' as const },
    ]) {
      expect(await createSealer(ring, other).open(token)).toBe('forged')
    }
    expect(await createSealer(createKeyring([older]), context).open(token)).toBe('forged')
  })

  test('is one of the last that were used: five hundred at least, and a thousand at most', async () => {
    const sealer = make()
    const tokens = await Promise.all(Array.from({ length: mostKept + 2 }, () => maker.seal(content)))
    const [first, second, ...others] = tokens as [string, string, ...string[]]
    for (const [at, token] of [first, second, ...others].entries()) {
      await sealer.open(token)
      if (at % 400 === 0) await sealer.open(first)
    }
    expect(await decryptionsIn(() => sealer.open(first))).toBe(0)
    expect(await decryptionsIn(() => sealer.open(others.at(-mostKept / 2)!))).toBe(0)
    expect(await decryptionsIn(() => sealer.open(second))).toBe(1)
  })

  test('is forgotten when it would not fit into one cookie', async () => {
    const sealer = make()
    const tokenOf = (length: number) => maker.seal('1'.repeat(length))
    const [fits, longer] = [await tokenOf(2938), await tokenOf(2939)]
    expect([fits.length, longer.length]).toEqual([4096, 4097])
    for (const token of [fits, longer]) await sealer.open(token)
    expect(await decryptionsIn(() => sealer.open(fits))).toBe(0)
    expect(await decryptionsIn(() => sealer.open(longer))).toBe(1)
  })
})

test('a token of a secret that nobody has opens as soon as somebody has it', async () => {
  const { refresh, sealer } = refreshed([older], [newest, older])
  const token = await maker.seal(content)
  for (let times = 0; times < 2; times++) expect(await sealer.open(token)).toBe('forged')
  refresh()
  expect(await sealer.open(token)).toEqual({ content, keyIndex: 0 })
})

test('a length that is foretold is that of the token', async () => {
  for (const text of ['', '1', '12', '123', '1234', '"\u{1f9e5}é"', 'é'.repeat(2000)]) {
    expect((await maker.seal(text)).length).toBe(maker.lengthOf(text))
  }
})
