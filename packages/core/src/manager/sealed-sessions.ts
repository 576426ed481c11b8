import { importId } from '../backend/import-id.ts'
import type { SealedLine } from '../backend/revocation-record.ts'
import { noteLine } from '../backend/revocation-registry.ts'
import { deadlineOf } from '../session/lifetime.ts'
import type { ImportedSession, LiveRecord } from '../session/state.ts'
import { run, wait, type Steps } from '../steps.ts'
import type { Backend, Kept, Recalled } from './backend.ts'
import type { CookiePolicy } from './cookie-options.ts'
import type { Plan } from './plan.ts'
import { readSealed, type OpenedRecord, type SealedCarrier } from './read-sealed.ts'
import { createSealedWrites } from './sealed-writes.ts'
import type { CookieKind, Visit } from './visit.ts'

/** What has to be known again at commit. */
export interface SealedTrace {
  /** The parts that the request had. */
  readonly parts: readonly number[]
  /** What names the session to the list of what has ended; null while there is none. The list knows by it what it has read. */
  readonly line: SealedLine | null
}

type ImportedCookie = Pick<ImportedSession, 'credential' | 'library'>

/** The cookies of each kind of transport. */
export type SealedCarriers = { readonly [kind in CookieKind]: SealedCarrier }

/** Sessions that are in the cookie themselves; a list in a store may tell which have ended. */
export function createSealedSessions(policy: CookiePolicy, carriers: SealedCarriers): Backend<SealedTrace> {
  const { guard, lifetime, now, onEvent, revocation } = policy
  const writes = createSealedWrites(policy)

  function* recall(header: string, kind: CookieKind): Steps<Recalled<SealedTrace>> {
    const { opened, presented, reason } = yield* wait(readSealed(header, carriers[kind]))
    const { parts } = presented
    if (opened === null) return { ...nothing, reason, trace: { parts, line: null } }
    const line = writes.lineOf({ ...opened, migrated: false })
    const trace = { parts, line }
    return { ...nothing, id: opened.id, keyIndex: opened.keyIndex, trace, ...(yield* judge(opened, line)) }
  }

  /** Whether what the cookie holds still counts. */
  function* judge(
    opened: OpenedRecord,
    line: SealedLine,
  ): Steps<Pick<Recalled<SealedTrace>, 'live' | 'reason' | 'viaGrace'>> {
    const { record, until } = opened
    // The policy may have become stricter since, but never prolongs what was promised to end.
    const refused = { live: null, viaGrace: false }
    if (Math.min(until, deadlineOf(record, lifetime)) <= now()) return { ...refused, reason: 'expired' }
    const verdict = yield* wait(revocation.judge(line))
    if (verdict.state === 'refused') return { ...refused, reason: verdict.reason }
    const data = yield* wait(guard.read(record.values))
    if (data === null) return { ...refused, reason: 'schema' }
    const { migrated, values } = data
    const { id, version } = opened
    const live = { id, version, record: { ...record, values }, migrated }
    return { live, reason: null, viaGrace: verdict.state === 'grace' }
  }

  /** What a commit does that writes no record: it ends one, or seals one anew. */
  function* settle(
    { oldKey, presented, state, trace }: Visit<SealedTrace>,
    kind: CookieKind | null,
  ): Steps<Kept> {
    const { ended, origin } = state
    const { line, parts } = trace ?? nowhere
    yield* endFor(ended, line)
    if (kind === null) return { live: origin, setCookies: [] }
    const carrier = carriers[kind]
    if (origin === null) {
      return { live: null, setCookies: state.destroy && presented ? carrier.cookie.remove(parts) : [] }
    }
    if (!oldKey || state.viaGrace) return { live: origin, setCookies: [] }
    return yield* writes.seal({ ...origin, boundAt: line?.boundAt ?? 0 }, { carrier, parts })
  }

  function* endFor(ended: LiveRecord | null, line: SealedLine | null): Steps<void> {
    if (ended === null || line === null) return
    yield* wait(revocation.end(line))
    onEvent({ type: 'destroyed', id: ended.id })
  }

  async function noteImport({ credential, library }: ImportedCookie, at: number): Promise<void> {
    if (credential !== null) await revocation.noteImport(await importId(library, credential), at)
  }

  function* keep(plan: Plan, visit: Visit<SealedTrace>, kind: CookieKind | null): Steps<Kept> {
    const { foreign, state, trace } = visit
    const { line, parts } = trace ?? nowhere
    const { ended, imported } = state
    if (foreign !== null && state.destroy) yield* wait(noteImport(foreign, 0))
    if (plan === 'nothing' || kind === null) return yield* settle(visit, kind)
    const written = yield* writes.write(plan, state, line, { carrier: carriers[kind], parts })
    if (written === null) return { live: null, setCookies: [] }
    const { live } = written
    yield* endFor(ended, line)
    if (imported !== null) {
      // Who planted the cookie, or copied it, must not get in as whoever was signed in there.
      yield* wait(noteImport(imported, state.change === imported.login ? now() : 0))
      onEvent({ type: 'imported', library: imported.library, id: live.id, userId: live.record.userId })
    }
    visit.trace = { parts, line: writes.lineOf(live) }
    return written
  }

  return {
    needsCookie: (plan) => plan !== 'nothing',
    recall: (header, kind) => run(recall(header, kind)),
    async recallForeign({ credential, library }) {
      const taken =
        credential === null ? null : await revocation.importedAt(await importId(library, credential))
      // Requests that were sent together each take it over, and the browser keeps what came last.
      const isOpen = taken === null || now() - taken < policy.rotationGrace
      return { ...nothing, trace: nowhere, reason: isOpen ? null : 'superseded' }
    },
    keep: (plan, visit, { kind }) => run(keep(plan, visit, kind)),
    async reload(live, trace) {
      const line = trace?.line
      if (!line || deadlineOf(live.record, lifetime) <= now()) return null
      const verdict = await revocation.peek(line)
      // Without a cookie nobody can follow a rotation, so one who is left behind is no thief, and goes on.
      const isLeftBehind = verdict.state === 'refused' && /^re(?:used|played)$/.test(verdict.reason)
      return verdict.state !== 'refused' || isLeftBehind ? live : null
    },
    notice(session, live, trace) {
      noteLine(session, live && (trace?.line ?? null))
    },
  }
}

const nowhere: SealedTrace = { parts: [], line: null }
const nothing = { live: null, reason: null, id: null, viaGrace: false, keyIndex: 0, cached: false } as const
