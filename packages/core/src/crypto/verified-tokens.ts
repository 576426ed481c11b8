import type { Key } from './keyring.ts'
import { detached } from './recent.ts'
import { idOf, type SessionId, type SessionToken } from './token.ts'

/** A token that is genuine, and the key that made it. */
export interface MadeToken {
  readonly token: SessionToken
  readonly id: SessionId
  readonly maker: Key
}

/** So many tokens are remembered at most: a power of two. To verify one again costs microseconds. */
const mostTokens = 16_384

/**
 * The tokens that were issued or verified lately. Each has one place, by the end of its proof, which is random: what comes
 * later takes it over. So nothing has to be searched or moved, however full it is.
 */
export class VerifiedTokens {
  /** Null as long as there is nothing: one of a manager's two cookies is mostly not in use. */
  #places: (MadeToken | undefined)[] | null = null

  /** What is known of a cookie's value, of which nothing needs to have been checked. */
  find(value: string): MadeToken | undefined {
    const known = this.#places?.[placeOf(value)]
    return known !== undefined && isSame(known, value) ? known : undefined
  }

  keep(issued: SessionToken, maker: Key): void {
    const token = detached(issued) as SessionToken
    this.#places ??= Array.from<MadeToken | undefined>({ length: mostTokens })
    this.#places[placeOf(token)] = { token, id: idOf(token), maker }
  }

  forget({ token }: MadeToken): void {
    if (this.#places !== null) this.#places[placeOf(token)] = undefined
  }
}

/** A number from three characters with six random bits each; the last has only four. */
function placeOf(value: string): number {
  const end = value.length - 2
  const mixed = (value.charCodeAt(end) * 79 + value.charCodeAt(end - 1)) * 79 + value.charCodeAt(end - 2)
  return mixed & (mostTokens - 1)
}

/** Whether a value is this token. The id is no secret; the proof is compared to its end, wherever it differs. */
function isSame({ id, token }: MadeToken, value: string): boolean {
  if (value.length !== token.length || !value.startsWith(id)) return false
  let difference = 0
  for (let at = id.length; at < value.length; at++) difference |= token.charCodeAt(at) ^ value.charCodeAt(at)
  return difference === 0
}
