import { isSame, settingsOf, type Contents } from './contents.ts'
import type { Session } from './session.ts'
import type { SessionRecord } from './store.ts'

/** A session as it was at some moment. */
export interface Snapshot {
  readonly id: string
  readonly contents: Contents
  readonly settings: string
}

export function snapshotOf({ cookie, id }: Session, contents: Contents): Snapshot {
  return { id, contents, settings: settingsOf(cookie) }
}

/** Whether a snapshot shows this session with these contents. */
export function shows(snapshot: Snapshot | null, id: string, contents: Contents): boolean {
  return snapshot !== null && snapshot.id === id && isSame(snapshot.contents, contents)
}

/** What a store gets: a copy, since some stores write notes of their own into it. */
export function recordOf(session: Session): SessionRecord {
  return Object.assign({ cookie: session.cookie }, session)
}
