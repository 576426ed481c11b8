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

test('a token that was verified is known the next time, to this cookie and letter by letter', async () => {
  const known = createTokenSigner(ring, '__Host-Http-sid')
  const id = newSessionId()
  const token = await signer.issue(id)
  expect(known.recall(token)).toBeNull()
  await known.verify(parseToken(token)!)
  expect(await known.recall(token)).toEqual({ id, keyIndex: 0 })
  expect(createTokenSigner(ring, 'sid').recall(token)).toBeNull()
  for (let at = 0; at < token.length; at++) {
    const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    expect(known.recall(changed)).toBeNull()
  }
})

test('a token that was issued is known, as one of the secret that signed it', async () => {
  const known = createTokenSigner(ring, 'sid')
  const id = newSessionId()
  expect(await known.recall(await known.issue(id))).toEqual({ id, keyIndex: 0 })
})

test('a forged token is not remembered', async () => {
  const token = formatToken(newSessionId(), 'A'.repeat(43))
  expect(await signer.verify(parseToken(token)!)).toBe(-1)
  expect(signer.recall(token)).toBeNull()
})

test('a token goes with its secret, and one of an older secret still says so', async () => {
  let at = 0
  const retiring = { secret: older, retireAfter: new Date(1000) }
  const known = createTokenSigner(
    createKeyring([newest, retiring], () => at),
    'sid',
  )
  const token = await createTokenSigner(createKeyring([older]), 'sid').issue(newSessionId())
  await known.verify(parseToken(token)!)
  expect(await known.recall(token)).toMatchObject({ keyIndex: 1 })
  at = 1001
  expect(await known.recall(token)).toBeNull()
  expect(await known.verify(parseToken(token)!)).toBe(-1)
})
