import { isAtomic, isUserIndexed } from '../store/store.ts'
import type { LoginParts, WriteLogin } from './login-care.ts'

/** Takes care of logins in stores that can; in others there is neither limit nor revocation. */
export function createLogins(parts: LoginParts): WriteLogin {
  const { maxSessions, store } = parts
  if (!isAtomic(store) || !isUserIndexed(store)) return (_, write) => write()
  return async (state, write) => {
    const { change } = state
    const plain = maxSessions === null && (change?.apply(null).idp ?? null) === null
    if (change?.kind !== 'login' || plain) return write()
    // Not many need it, and the edge counts bytes.
    const { createLoginCare } = await import('./login-care.ts')
    return createLoginCare(store, parts)(state, write)
  }
}
