import { andThen, type Maybe } from '../steps.ts'
import type { Key, Keyring } from './keyring.ts'
import { formatToken, type SessionId, type SessionToken, type UnverifiedToken } from './token.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/** A token that has been verified. */
export interface VerifiedToken {
  readonly id: SessionId
  /** As of `Keyring.verify`. */
  readonly keyIndex: number
}

/** Makes and checks the tokens of one cookie name: a token of another cookie is not valid here. */
export interface TokenSigner {
  /** The token of an id, signed by the newest secret. */
  issue(id: SessionId): Maybe<SessionToken>
  /** The index of the secret that made the token, or -1 when none did. */
  verify(token: UnverifiedToken): Maybe<number>
  /** What a value has been verified to be before, as the ring judges it now; null when nothing is known of it. */
  recall(value: string): Maybe<VerifiedToken | null>
}

/** A signer for the cookie of this name. */
export function createTokenSigner(keyring: Keyring, cookieName: string): TokenSigner {
  const known = new VerifiedTokens()
  // NUL stands in no cookie name and in no id, so no two pairs make the same message.
  const messageOf = (id: SessionId): string => `${cookieName}\0${id}`
  return {
    issue(id) {
      let maker: Key | null = null
      const learn = (key: Key): void => void (maker = key)
      return andThen(keyring.sign('session-token', messageOf(id), learn), (proof) => {
        const token = formatToken(id, proof)
        known.keep(token, maker!)
        return token
      })
    },
    verify({ id, proof }) {
      const learn = (maker: Key): void => known.keep(formatToken(id, proof), maker)
      return keyring.verify('session-token', messageOf(id), proof, learn)
    },
    recall(value) {
      const found = known.find(value)
      if (found === undefined) return null
      return andThen(keyring.judge(found.maker), (keyIndex) => {
        if (keyIndex >= 0) return { id: found.id, keyIndex }
        // It goes with its secret.
        known.forget(found)
        return null
      })
    },
  }
}
