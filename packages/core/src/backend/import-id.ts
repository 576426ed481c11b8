import type { SessionId } from '../crypto/token.ts'
import { derivedId } from './derived-id.ts'

/** The id under which it is noted that a foreign cookie has been taken over. */
export function importId(library: string, credential: string): Promise<SessionId> {
  return derivedId('foreign', library, credential)
}

/** As long as browsers keep a cookie: 400 days, in milliseconds. A foreign cookie may name no end of its own. */
export const longestImport = 34_560_000_000
