import type { SessionData } from '../session/session.ts'
import { isAtomic } from '../store/store.ts'
import { lazily } from './lazy-backend.ts'
import { createManager } from './manager.ts'
import type { SessionManager } from './session-manager.ts'
import { readStoreOptions, type SessionManagerOptions } from './store-options.ts'
import { createStoredSessions, storedPartsOf } from './stored-sessions.ts'

/** Makes a session manager; throws `ERR_SESSION_CONFIG` when an option is wrong. Does no work until the first request. */
export function createSessionManager<Data extends object = SessionData>(
  options: SessionManagerOptions<Data>,
): SessionManager<Data> {
  const policy = readStoreOptions(options)
  const { onEvent, store } = policy
  const parts = storedPartsOf(policy)
  if (!isAtomic(store)) onEvent({ type: 'last-write-wins', consistency: store.consistency ?? 'immediate' })
  const stored = createStoredSessions(parts)
  const explained: Pick<SessionManager<Data>, 'describe' | 'explain'> = {
    // The words of these two weigh more than all else here: whoever never asks never loads them.
    explain: async (request) => (await import('./explain-stored.ts')).explainStored(parts, request),
    describe: async () => (await import('./describe-stored.ts')).describeStored(policy),
  }
  if (policy.cacheFor === 0) return createManager(policy, stored, explained)
  const cached = lazily(stored, async () => {
    // It brings jose along, which weighs as much as all of this.
    const { createCachedSessions } = await import('./cached-sessions.ts')
    return createCachedSessions(stored, parts)
  })
  return createManager(policy, cached, explained)
}
