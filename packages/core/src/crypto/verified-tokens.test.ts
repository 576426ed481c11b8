import { expect, test } from 'vitest'
import { createKeyring } from './keyring.ts'
import { formatToken, newSessionId, type SessionId } from './token.ts'
import { VerifiedTokens } from './verified-tokens.ts'

const maker = createKeyring(['0C5mqlR_vgu5S9QBaWH5tx9glpCK3MhTmsZwFf3SYw0']).ready() as never
const newToken = () => formatToken(newSessionId(), newSessionId())

test('a token is found by each letter of it, and by nothing else', () => {
  const tokens = new VerifiedTokens()
  const token = newToken()
  expect(tokens.find(token)).toBeUndefined()
  tokens.keep(token, maker)
  expect(tokens.find(`${token.slice(0, 50)}${token.slice(50)}`)).toEqual({
    token,
    id: token.slice(0, 43),
    maker,
  })
  for (let at = 0; at < token.length; at++) {
    const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    expect(tokens.find(changed)).toBeUndefined()
  }
  for (const value of ['', '.', token.slice(1), token.slice(0, -1), `${token}A`, `A${token}`]) {
    expect(tokens.find(value)).toBeUndefined()
  }
})

test('of two tokens with one place the later is found, and the other as nothing', () => {
  const tokens = new VerifiedTokens()
  const proof = newSessionId()
  const [first, second] = [formatToken(newSessionId(), proof), formatToken(newSessionId(), proof)]
  tokens.keep(first, maker)
  tokens.keep(second, maker)
  expect([tokens.find(first), tokens.find(second)?.id]).toEqual([undefined, second.slice(0, 43)])
})

test('tokens share the places evenly: of a thousand, few take that of another', () => {
  const tokens = new VerifiedTokens()
  const made = Array.from({ length: 1000 }, newToken)
  for (const token of made) tokens.keep(token, maker)
  // 30 are to be expected.
  expect(made.filter((token) => tokens.find(token) === undefined).length).toBeLessThan(100)
})

test('what is forgotten does not come back', () => {
  const tokens = new VerifiedTokens()
  const token = formatToken('A'.repeat(43) as SessionId, newSessionId())
  tokens.keep(token, maker)
  tokens.forget(tokens.find(token)!)
  expect(tokens.find(token)).toBeUndefined()
})
