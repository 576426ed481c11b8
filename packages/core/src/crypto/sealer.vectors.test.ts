import { expect, test } from 'vitest'
import { contentKeyOf, kidOf, sealByHand } from '../../../../test/support/seal-twin.ts'
import vectors from '../../../../test/vectors/sealed.json' with { type: 'json' }
import { fromBase64url } from './bytes.ts'
import { createKeyring } from './keyring.ts'
import { createSealer, type Sealer, type SealPurpose } from './sealer.ts'

interface Row {
  readonly secret: string
  readonly purpose: string
  readonly audience: string
  readonly cookieName: string
}

function sealerOf({ secret, purpose, audience, cookieName }: Row): Sealer {
  const context = { purpose: purpose as SealPurpose, audience, cookieName }
  return createSealer(createKeyring([secret]), context)
}

// Were one of these to fail, an upgrade would log everybody out.
test.each(vectors.sealed)(
  'ASVS-11.2.1 ASVS-11.3.2 ASVS-11.6.1 a token of any version and runtime opens: $note',
  async (row) => {
    expect(await sealerOf(row).open(row.token)).toEqual({ content: row.content, keyIndex: 0 })
  },
)

test.each(vectors.sealed)('each step to it is known: $note', async (row) => {
  expect(await kidOf(row.secret)).toBe(row.kid)
  const key = await contentKeyOf(row, row.salt)
  expect([...key].map((byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(row.key)
  const made = await sealByHand(row, row.content, { salt: row.salt, iv: fromBase64url(row.iv) })
  expect(made).toBe(row.token)
})

test.each(vectors.refused)(
  'ASVS-9.1.1 ASVS-11.2.5 what is refused once, is refused for ever: $note',
  async (row) => {
    expect(await sealerOf(row).open(row.token)).toBe(row.verdict)
  },
)

test('ASVS-9.2.2 ASVS-9.2.3 ASVS-9.2.4 each vector opens in its own context only', async () => {
  for (const row of vectors.sealed) {
    for (const other of vectors.sealed) {
      const opened = await sealerOf(row).open(other.token)
      expect(typeof opened).toBe(contextOf(other) === contextOf(row) ? 'object' : 'string')
    }
  }
})

function contextOf({ secret, purpose, audience, cookieName }: Row): string {
  return [secret, purpose, audience, cookieName].join('\0')
}
