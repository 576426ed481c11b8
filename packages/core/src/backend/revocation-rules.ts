import type { SessionId } from '../crypto/token.ts'
import type { Entry, Fading, Ledger, LineName, SealedLine, Turn } from './revocation-record.ts'

/**
 * What is to be thought of a sealed session. One in its grace may be read, but gets no new cookie.
 *
 * - `revoked`: it was ended, or its user was cut off; `superseded`: a login or a step-up ended the id
 * - `reused`: the id was rotated away and its grace window is over; `replayed`: a newer cookie has been written
 * - `unreadable`: the record of what has ended is damaged or of a newer format
 */
export type RevocationVerdict =
  | { readonly state: 'live' | 'grace' }
  | {
      readonly state: 'refused'
      readonly reason: 'revoked' | 'superseded' | 'reused' | 'replayed' | 'unreadable'
    }

/** How a write fared: done, behind a newer one (under `strict`), or the session has ended meanwhile. */
export type WriteOutcome = 'done' | 'stale' | 'gone'

/** What a rule needs to know beside the ledger. */
export interface Circumstances {
  /** In milliseconds since the epoch. */
  readonly now: number
  /** How long an older cookie passes after a newer one was written, in milliseconds. */
  readonly rotationGrace: number
  /** Whether it is refused after that. */
  readonly strict: boolean
}

/** A result, and the ledger to be written before it holds, if that changes. */
export type Step<Result> = readonly [result: Result, next?: Ledger]

/** Judges a session by the ledger of its owner. */
export function judge(ledger: Ledger, line: SealedLine, { now, strict }: Circumstances): RevocationVerdict {
  const entry = entryOf(ledger, line)
  if (entry?.ended !== undefined) return refused(entry.ended)
  if (line.boundAt <= ledger.cutoff && entry?.kept !== true) return refused('revoked')
  const { turn, turned, written } = entry ?? {}
  if (turn !== undefined && line.first !== turn.first) return refused('superseded')
  if (turn !== undefined && line.turns === turn.turns && line.id !== turn.id) return refused('superseded')
  const rotated = isRotated(entry, line)
  if (rotated && !passes(turned, line.turns, now)) return refused('reused')
  const stale = strict && isBehind(entry, line)
  if (stale && !passes(written, line.version, now)) return refused('replayed')
  return { state: rotated || stale ? 'grace' : 'live' }
}

/** Ends a session under all its ids. The result are those that logins put in its place. */
export function end(ledger: Ledger, line: LineName): Step<readonly LineName[]> {
  const { ended, heirs } = entryOf(ledger, line) ?? {}
  const result = heirs ?? []
  return ended === 'revoked' ? [result] : [result, withEntry(ledger, line, { ended: 'revoked', heirs })]
}

/** Ends a session because a login takes its place. */
export function replace(
  ledger: Ledger,
  line: SealedLine,
  { first, handle, owner, until }: LineName,
  about: Circumstances,
): Step<WriteOutcome> {
  if (reasonOf(ledger, line, about) === 'revoked') return ['gone']
  const entry = entryOf(ledger, line)
  if (about.strict && isBehind(entry, line)) return ['stale']
  const heirs = [...(entry?.heirs ?? []), { first, handle, owner, until }]
  return ['done', withEntry(ledger, line, { ended: 'superseded', heirs })]
}

/**
 * Gives a session its next id. Two rotations at once get the id of the first; a step-up (`graceUntil` 0) ends all ids
 * that there were.
 */
export function move(
  ledger: Ledger,
  line: SealedLine,
  to: SessionId,
  graceUntil: number,
  about: Circumstances,
): Step<Turn | 'stale' | 'gone'> {
  if (hasEnded(ledger, line, about)) return ['gone']
  const entry: Partial<Entry> = entryOf(ledger, line) ?? {}
  if (about.strict && isBehind(entry, line)) return ['stale']
  const rotates = graceUntil > 0
  if (rotates && isRotated(entry, line)) return [entry.turn!]
  const { first, turns } = line
  const turn = rotates ? { id: to, first, turns: turns + 1 } : { id: to, first: to, turns: 0 }
  const turned: readonly Fading[] = rotates ? [...(entry.turned ?? []), [turns, graceUntil]] : []
  const moved = { ...entry, turn, turned }
  return [turn, withEntry(ledger, line, about.strict ? writtenOver(moved, line, about) : moved)]
}

/** Makes the next version of a session the newest. */
export function advance(ledger: Ledger, line: SealedLine, about: Circumstances): Step<WriteOutcome> {
  if (hasEnded(ledger, line, about)) return ['gone']
  const entry: Partial<Entry> = entryOf(ledger, line) ?? {}
  if (isBehind(entry, line)) return ['stale']
  return ['done', withEntry(ledger, line, writtenOver(entry, line, about))]
}

/** Binds a session to the owner. The result is when: after every cut-off, whatever the clock says. */
export function bind(ledger: Ledger, now: number): Step<number> {
  const boundAt = Math.max(now, ledger.cutoff + 1)
  return [boundAt, { ...ledger, lastBound: Math.max(ledger.lastBound, boundAt) }]
}

/** Ends all sessions that there are, except for one that is spared. One that has ended is not brought back by that. */
export function cutOff(ledger: Ledger, spared: SealedLine | null, about: Circumstances): Step<void> {
  const cutoff = Math.max(about.now, ledger.cutoff, ledger.lastBound)
  // A logout that is on its way must still find what a login made of its session.
  const entries = new Map([...ledger.entries].filter(([, { heirs }]) => heirs !== undefined))
  const next = { ...ledger, cutoff, entries }
  if (spared === null || reasonOf(ledger, spared, about) === 'revoked') return [undefined, next]
  return [undefined, withEntry(next, spared, { ...entryOf(ledger, spared), kept: true })]
}

function entryOf(ledger: Ledger, line: LineName): Entry | undefined {
  return ledger.entries.get(line.handle)
}

function withEntry(ledger: Ledger, line: LineName, entry: Omit<Entry, 'until'>): Ledger {
  const until = Math.max(entryOf(ledger, line)?.until ?? 0, line.until)
  return { ...ledger, entries: new Map(ledger.entries).set(line.handle, { ...entry, until }) }
}

function writtenOver(
  entry: Omit<Entry, 'until'>,
  { version }: SealedLine,
  { now, rotationGrace }: Circumstances,
): Omit<Entry, 'until'> {
  return {
    ...entry,
    version: version + 1,
    written: [...(entry.written ?? []), [version, now + rotationGrace]],
  }
}

function isRotated(entry: Partial<Entry> | undefined, { turns }: SealedLine): boolean {
  return turns < (entry?.turn?.turns ?? 0)
}

function isBehind(entry: Partial<Entry> | undefined, { version }: SealedLine): boolean {
  return version < (entry?.version ?? 0)
}

function passes(fading: readonly Fading[] | undefined, number: number, now: number): boolean {
  return fading?.some(([known, until]) => known === number && until > now) === true
}

function refused(reason: (RevocationVerdict & { state: 'refused' })['reason']): RevocationVerdict {
  return { state: 'refused', reason }
}

function reasonOf(...situation: Parameters<typeof judge>): string | null {
  const verdict = judge(...situation)
  return verdict.state === 'refused' ? verdict.reason : null
}

/** Whether nothing may be written for this id any more, even by who read it before. */
function hasEnded(...situation: Parameters<typeof judge>): boolean {
  return ['revoked', 'superseded'].includes(reasonOf(...situation) ?? '')
}
