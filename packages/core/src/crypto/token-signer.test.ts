import { expect, test } from 'vitest'
import { createKeyring } from './keyring.ts'
import { createTokenSigner } from './token-signer.ts'
import { formatToken, newSessionId, parseToken, type SessionId } from './token.ts'

const older = '0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0'
const newest = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const ring = createKeyring([newest, older])
const signer = createTokenSigner(ring, '__Host-Http-sid')

test('ASVS-11.2.1 the token of an id is the one that was made by another implementation, in all versions to come', async () => {
  const id = 'A'.repeat(43) as SessionId
  expect(await signer.issue(id)).toBe(`${id}.JdUsascMQcF96XeIHU8Mm6a-wkiHqwyDnAbONrILPHM`)
})

test('what is issued has the form of a token and verifies', async () => {
  for (let run = 0; run < 50; run++) {
    const id = newSessionId()
    const token = parseToken(await signer.issue(id))
    expect(token?.id).toBe(id)
    expect(await signer.verify(token!)).toBe(0)
  }
})

test('a token of an older secret says which', async () => {
  const token = parseToken(
    await createTokenSigner(createKeyring([older]), '__Host-Http-sid').issue(newSessionId()),
  )
  expect(await signer.verify(token!)).toBe(1)
})

test('ASVS-9.2.3 ASVS-9.2.4 a token of one cookie is worth nothing in another', async () => {
  const id = newSessionId()
  const token = parseToken(await signer.issue(id))!
  for (const name of ['sid', '__Host-sid', '__Host-Http-si', '__Host-Http-sid2', '']) {
    expect(await createTokenSigner(ring, name).verify(token)).toBe(-1)
  }
})

test('ASVS-9.1.1 a proof does not go with another id', async () => {
  const { proof } = parseToken(await signer.issue(newSessionId()))!
  const spliced = parseToken(formatToken(newSessionId(), proof))
  expect(await signer.verify(spliced!)).toBe(-1)
})
