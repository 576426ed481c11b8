import { andThen, type Maybe } from '../steps.ts'
import type { Keyring } from './keyring.ts'
import { formatToken, type SessionId, type SessionToken, type UnverifiedToken } from './token.ts'

/** Makes and checks the tokens of one cookie name: a token of another cookie is not valid here. */
export interface TokenSigner {
  /** The token of an id, signed by the newest secret. */
  issue(id: SessionId): Maybe<SessionToken>
  /** The index of the secret that made the token, or -1 when none did. */
  verify(token: UnverifiedToken): Maybe<number>
}

/** A signer for the cookie of this name. */
export function createTokenSigner(keyring: Keyring, cookieName: string): TokenSigner {
  // NUL stands in no cookie name and in no id, so no two pairs make the same message.
  const messageOf = (id: SessionId): string => `${cookieName}\0${id}`
  return {
    issue(id) {
      const proof = keyring.sign('session-token', messageOf(id))
      return andThen(proof, (made) => formatToken(id, made))
    },
    verify: ({ id, proof }) => keyring.verify('session-token', messageOf(id), proof),
  }
}
