import { guardStore } from '../backend/guarded-store.ts'
import { noteIdpSession } from '../backend/idp-index.ts'
import type { UserStore } from '../backend/user-lines.ts'
import type { Lifetime } from '../session/lifetime.ts'
import type { LiveRecord, SessionState } from '../session/state.ts'
import { wait, type Steps } from '../steps.ts'
import type { Store } from '../store/store.ts'
import type { OnEvent } from './events.ts'
import type { MaxSessions } from './store-options.ts'
import { createSessionLimit } from './session-limit.ts'

/** What surrounds a login. */
export interface LoginParts {
  readonly store: Store
  readonly maxSessions: MaxSessions | null
  readonly lifetime: Pick<Lifetime, 'absolute'>
  readonly onEvent: OnEvent
  readonly now: () => number
}

/**
 * Writes what a request has changed; when that signs somebody in, with what goes before and after it: the limit of
 * sessions, and the note by which an identity provider's logout finds this one. A refused login writes nothing.
 */
export type WriteLogin = (state: SessionState, write: Steps<LiveRecord | null>) => Steps<LiveRecord | null>

/** What goes before and after a login, where there is a limit of sessions or an identity provider. */
export function createLoginCare(
  store: UserStore,
  { lifetime, maxSessions, now, onEvent }: LoginParts,
): WriteLogin {
  const limit = maxSessions && createSessionLimit({ store, maxSessions, lifetime, now, onEvent })
  const guarded = guardStore(store, onEvent)
  return function* (state, write) {
    const admission = (limit && (yield* wait(limit.admit(state)))) ?? null
    let live: LiveRecord | null = null
    try {
      const { change } = state
      const { actor = null, idp = null } = change?.apply(null) ?? {}
      const until = now() + lifetime.absolute
      if (idp !== null) yield* wait(noteIdpSession(guarded, idp, actor ?? change!.userId, until))
      live = yield* write
    } finally {
      if (admission !== null) yield* wait(limit?.settle(admission, live))
    }
    return live
  }
}
