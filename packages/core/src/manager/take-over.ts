import { loginChange } from '../session/authentication.ts'
import type { ForeignReader } from '../session/foreign-session.ts'
import { assertJson } from '../session/json.ts'
import { createSessionState } from '../session/state.ts'
import { WorkingCopy } from '../session/values.ts'
import type { Backend } from './backend.ts'
import type { Policy } from './options.ts'
import type { Visit } from './visit.ts'

/**
 * Looks for the session of another library. What it kept becomes the data of a new session, which the commit writes;
 * where that has been done before, it leads to the session that came of it. Null when there is none.
 */
export async function takeOver<Trace>(
  header: string,
  readers: readonly ForeignReader[],
  backend: Pick<Backend<Trace>, 'recallForeign'>,
  { lifetime, now, onEvent }: Pick<Policy, 'lifetime' | 'now' | 'onEvent'>,
): Promise<Pick<Visit<Trace>, 'foreign' | 'state'> | null> {
  for (const reader of readers) {
    const at = now()
    const found = await reader.read(header, at)
    if (found === null) continue
    const { createdAt, credential, data, removeCookies, userId } = found
    const { library } = reader
    const foreign = { library, credential, removeCookies }
    const known = await backend.recallForeign(foreign)
    if (known.live !== null) return { foreign, state: createSessionState(known.live, at, known.viaGrace) }
    const state = createSessionState(null, at)
    const isTooOld = createdAt !== null && createdAt + lifetime.absolute <= at
    const reason = known.reason ?? (isTooOld ? 'expired' : null)
    if (reason !== null) {
      onEvent({ type: 'rejected', reason, id: null })
      return { foreign, state }
    }
    // An empty session is not worth a record; its cookie goes all the same.
    if (userId === null && Object.keys(data).length === 0) return { foreign, state }
    const authTime = new Date(createdAt ?? at)
    const login = userId === null ? null : loginChange(userId, { authTime }, at)
    const kept = Object.entries(data).filter(([, value]) => value !== undefined)
    // What a handler could not set would come back as something else.
    for (const [key, value] of kept) assertJson(value, key)
    const values = Object.fromEntries(kept)
    const imported = { library, credential, values, login }
    return {
      foreign,
      state: Object.assign(state, { imported, working: new WorkingCopy(values), change: login }),
    }
  }
  return null
}
