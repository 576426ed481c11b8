import type { SessionId } from '../crypto/token.ts'
import type { StoredRecord } from '../store/store.ts'

/** The id under which a session goes on, and its place in the line of rotations. */
export interface Turn {
  readonly id: SessionId
  /** The id with which its line of rotations began: at a login, at a step-up, or with the session. */
  readonly first: SessionId
  /** How many rotations ago that was. */
  readonly turns: number
}

/** What names a sealed session to those that are to end it. */
export interface LineName extends Pick<Turn, 'first'> {
  /** Stays over changes of id; a login brings a new one. */
  readonly handle: string
  /** Who really sits there; null while nobody is signed in. */
  readonly owner: string | null
  /**
   * The absolute limit by the policy of today, in milliseconds since the epoch. A cookie must also carry the limit of
   * when it was sealed and be held to it: under a policy that has become longer, it would outlive the note of its end.
   */
  readonly until: number
}

/** What a sealed session brings to be judged by. Times in milliseconds since the epoch. */
export interface SealedLine extends Turn, LineName {
  /** What `RevocationList.bind` gave for its login; when it began, while nobody is signed in. Stays until the next login. */
  readonly boundAt: number
  /** 1 when created, one more with each write; looked at under `strict` only. */
  readonly version: number
}

/** A number that is no longer the newest, and until when it passes, in milliseconds since the epoch. */
export type Fading = readonly [number: number, until: number]

/** What is known of a session that is no longer as it was at its login. */
export interface Entry {
  /** When it is over in any case, in milliseconds since the epoch. */
  readonly until: number
  readonly ended?: 'revoked' | 'superseded'
  /** The sessions that logins put in its place. */
  readonly heirs?: readonly LineName[] | undefined
  /** Whether the cut-off passes it over. */
  readonly kept?: boolean
  /** The only id that it has now. */
  readonly turn?: Turn
  /** The turns that were rotated away just now. */
  readonly turned?: readonly Fading[] | undefined
  /** The newest version that was written. */
  readonly version?: number
  /** The versions that were written over just now. */
  readonly written?: readonly Fading[] | undefined
}

/**
 * Which sessions of one owner have ended: one record of the store, so that one read tells. A session that nothing has
 * happened to is not in it; only that it was bound after the cut-off counts. Times in milliseconds since the epoch.
 */
export interface Ledger {
  /** What was bound then or before has ended. */
  readonly cutoff: number
  /** The latest binding given out: a cut-off is never before it, whatever the clock says. */
  readonly lastBound: number
  readonly entries: ReadonlyMap<string, Entry>
}

/** By so much the clocks of servers and stores may disagree, generously. In milliseconds. */
const skew = 3_600_000

/** So many requests of one session are on their way at once; older ones are refused early. */
const mostFading = 32

const format = 1

/** The ledger of an owner of whom nothing has been written. */
export const emptyLedger: Ledger = { cutoff: 0, lastBound: 0, entries: new Map() }

/**
 * What takes the place of a ledger that cannot be read. It can prove of no session that it lives, so all of before have
 * ended; but their owner can log in again.
 */
export function closedLedger(now: number): Ledger {
  return { ...emptyLedger, cutoff: now + skew }
}

/** Reads the ledger, or returns null when it is damaged or of another format. */
export function decodeLedger(stored: StoredRecord | null): Ledger | null {
  if (stored === null) return emptyLedger
  try {
    const content = JSON.parse(stored.payload) as Record<string, unknown>
    const { cutoff, entries, lastBound } = content
    if (content['format'] !== format || typeof cutoff !== 'number' || typeof lastBound !== 'number')
      return null
    const known = Object.entries(entries as Record<string, Entry>)
    return known.every(([, entry]) => isEntry(entry)) ? { cutoff, lastBound, entries: new Map(known) } : null
  } catch {
    return null
  }
}

/**
 * What to store of a ledger: what still matters, for as long as it does.
 *
 * @param mark Tells two writes of the same content apart.
 * @param keepFor How long a session lasts after its login at most, in milliseconds.
 */
export function encodeLedger(
  { cutoff, entries, lastBound }: Ledger,
  mark: string,
  keepFor: number,
  now: number,
): Pick<StoredRecord, 'expiresAt' | 'payload'> {
  const current = [...entries].filter(([, { until }]) => until + skew > now)
  const recent = Object.fromEntries(current.map(([key, entry]) => [key, withoutFaded(entry, now)]))
  const limits = [cutoff, lastBound].map((time) => (time === 0 ? 0 : time + keepFor))
  const expiresAt = Math.max(...limits, ...current.map(([, { until }]) => until)) + skew
  return { payload: JSON.stringify({ format, cutoff, lastBound, entries: recent, mark }), expiresAt }
}

function withoutFaded(entry: Entry, now: number): Entry {
  const recent = (fading: readonly Fading[] | undefined): readonly Fading[] | undefined =>
    fading?.filter(([, until]) => until > now).slice(-mostFading)
  return { ...entry, turned: recent(entry.turned), written: recent(entry.written) }
}

/** What is neither there nor of its kind would pass for "not ended". */
function isEntry({ ended, heirs, kept, turn, turned, until, version, written }: Entry): boolean {
  return (
    typeof until === 'number' &&
    [undefined, 'revoked', 'superseded'].includes(ended) &&
    [undefined, true].includes(kept) &&
    isListOf(
      heirs,
      ({ first, handle, until }) => isText(first) && isText(handle) && typeof until === 'number',
    ) &&
    [turned, written].every((list) => isListOf(list, (fading) => Array.isArray(fading))) &&
    (turn === undefined || (isText(turn.id) && isText(turn.first) && typeof turn.turns === 'number')) &&
    (version === undefined || typeof version === 'number')
  )
}

function isListOf<Item>(list: readonly Item[] | undefined, fits: (item: Item) => boolean): boolean {
  return list === undefined || (Array.isArray(list) && list.every(fits))
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}
