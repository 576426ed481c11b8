import type { IdpSession } from '../session/authentication.ts'
import { derivedId } from './derived-id.ts'
import type { GuardedStore } from './guarded-store.ts'
import { conflictError, maxAttempts } from './session-records.ts'

/**
 * Notes whose session it is that an identity provider knows by `sid`, since a logout token may name nothing else
 * (OpenID Connect Back-Channel Logout 1.0 §2.4). Called before the session is written: a note without a session is
 * harmless, a session without its note would outlive its logout.
 *
 * @param until When the session ends at the latest, in milliseconds since the epoch.
 */
export async function noteIdpSession(
  store: GuardedStore,
  { iss, sid }: IdpSession,
  userId: string,
  until: number,
): Promise<void> {
  const id = await derivedId('idp', iss, sid)
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const stored = await store.get(id)
    const users = [...new Set([...usersIn(stored?.payload), userId])]
    const expiresAt = Math.max(stored?.expiresAt ?? 0, until)
    const version = stored?.version ?? 0
    const payload = JSON.stringify({ format: 1, users })
    if (await store.compareAndSet(id, { payload, expiresAt, userId: null, version: version + 1 }, version)) {
      return
    }
  }
  throw conflictError()
}

/** The users who have signed in by a session of an identity provider; usually one. */
export async function usersOfIdpSession(
  store: GuardedStore,
  { iss, sid }: IdpSession,
): Promise<readonly string[]> {
  return usersIn((await store.get(await derivedId('idp', iss, sid)))?.payload)
}

function usersIn(payload: string | undefined): readonly string[] {
  return payload === undefined ? [] : (JSON.parse(payload) as { users: string[] }).users
}
