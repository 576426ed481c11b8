import { isAtomic, isUserIndexed } from '../store/store.ts'
import { wait } from '../steps.ts'
import type { LoginParts, WriteLogin } from './login-care.ts'

/** Takes care of logins in stores that can; in others there is neither limit nor revocation. */
export function createLogins(parts: LoginParts): WriteLogin {
  const { maxSessions, store } = parts
  if (!isAtomic(store) || !isUserIndexed(store)) return (_, write) => write
  return function* (state, write) {
    const { change } = state
    const plain = maxSessions === null && (change?.apply(null).idp ?? null) === null
    if (change?.kind !== 'login' || plain) return yield* write
    // Not many need it, and the edge counts bytes.
    const { createLoginCare } = yield* wait(import('./login-care.ts'))
    return yield* createLoginCare(store, parts)(state, write)
  }
}
