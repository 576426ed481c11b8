import { isSame, isSetAlike, merged, type Contents } from './contents.ts'
import type { CookieData } from './cookie.ts'
import type { Change } from './keeper.ts'
import type { Session } from './session.ts'
import type { SessionRecord } from './store.ts'

/** A session as it was at some moment. */
export interface Snapshot {
  readonly id: string
  readonly contents: Contents
  readonly settings: Partial<CookieData>
}

export function snapshotOf({ cookie, id }: Session, contents: Contents): Snapshot {
  return { id, contents, settings: cookie.data ?? {} }
}

/** Whether a snapshot shows this session with these contents. */
export function shows(snapshot: Snapshot | null, id: string, contents: Contents): boolean {
  return snapshot !== null && snapshot.id === id && isSame(snapshot.contents, contents)
}

/** What a store gets: a copy, since some stores write notes of their own into it. */
export function recordOf(session: Session): SessionRecord {
  return Object.assign({ cookie: session.cookie }, session)
}

/** What a request has changed, for the newest record. */
export function changeOf(session: Session, before: Snapshot, now: Snapshot): Change {
  return (record) => {
    const cookie = isSetAlike(before.settings, now.settings) ? null : session.cookie
    return merged(record, session, before.contents, now.contents, cookie)
  }
}
