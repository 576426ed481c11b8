import type { SessionEvent } from '@coatcheck/core'
import { getContext } from 'hono/context-storage'
import type { RequestIdVariables } from 'hono/request-id'
import type { Mode } from './mode.ts'

/** An event, and the request that caused it. */
export interface LogLine {
  readonly at: Date
  readonly requestId: string
  /** Method and path. */
  readonly request: string
  readonly mode: Mode
  readonly event: SessionEvent
}

/** What is a visitor's own: the ids that the session has and had, and the requests that carried them. */
export interface Trail {
  readonly ids: ReadonlySet<string>
  readonly requests: ReadonlySet<string>
}

// Good enough for a demo: each isolate of the Worker has its own, and a restart empties it.
const newestFirst: LogLine[] = []
const capacity = 50

/** The `onEvent` hook of the session manager. */
export function record(event: SessionEvent): void {
  const { req, var: variables } = getContext<{ Variables: RequestIdVariables & { mode: Mode } }>()
  const { mode, requestId } = variables
  newestFirst.unshift({ at: new Date(), requestId, request: `${req.method} ${req.path}`, mode, event })
  newestFirst.length = Math.min(newestFirst.length, capacity)
}

/** Follows a session back through its changes of id, and starts from these requests too. */
export function trailOf(sessionId: string | null, requestIds: readonly string[]): Trail {
  const ids = new Set(sessionId === null ? [] : [sessionId])
  const requests = new Set(requestIds)
  let user: string | undefined
  for (const { event, requestId } of newestFirst) {
    if (!('id' in event) || event.id === null || !ids.has(event.id)) continue
    if (event.type === 'login') {
      user ??= event.userId
      // Somebody else was signed in on this browser before: what happened then is not for the next one's eyes.
      if (event.userId !== user) {
        ids.delete(event.id)
        continue
      }
    }
    if ('previous' in event && event.previous !== null) ids.add(event.previous)
    // Whoever comes with a ticket that has ended may be a thief: his request is not the owner's.
    if (event.type !== 'reused' && event.type !== 'rejected') requests.add(requestId)
  }
  return { ids, requests }
}

/**
 * The lines that a visitor may see; the ring holds those of all visitors. They are his when they carry the id
 * of his session or one it had before, or come from a request of his. An event without an id (a forged
 * cookie, say) can only be told by its request.
 */
export function linesOf({ ids, requests }: Trail, requestIds: readonly string[]): LogLine[] {
  return newestFirst.filter(
    ({ event, requestId }) =>
      requestIds.includes(requestId) ||
      ('id' in event && event.id !== null ? ids.has(event.id) : requests.has(requestId)),
  )
}
