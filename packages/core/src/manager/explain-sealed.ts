import { cookieValues } from '../cookie/cookie-header.ts'
import type { SessionRequest } from '../cookie/transport.ts'
import { SessionError } from '../errors.ts'
import { decodeSealed, type SealedRecord } from '../session/sealed-record.ts'
import { createSessionState } from '../session/state.ts'
import type { CookiePolicy } from './cookie-options.ts'
import { endOf, explain, noSession, type Inspect, type Inspection } from './explain.ts'
import type { CookieCandidate, Explanation, SessionFacts } from './explanation.ts'
import { planOf } from './plan.ts'
import { printableError, shortId } from './printable.ts'
import { readSealed, type SealedCarrier } from './read-sealed.ts'
import { createSealedSessions, type SealedCarriers } from './sealed-sessions.ts'

/** Explains a request to sessions that are sealed in their cookies. */
export function explainSealed(
  policy: CookiePolicy,
  carriers: SealedCarriers,
  request: SessionRequest,
): Promise<Explanation> {
  return explain(policy, true, inspectorOf(policy, carriers), request)
}

function inspectorOf(policy: CookiePolicy, carriers: SealedCarriers): Inspect {
  // A real request would end a session whose former id comes back, and say so.
  const list = policy.silentRevocation()
  const onlooker = { ...policy, onEvent: () => {}, revocation: { ...list, judge: list.peek } }
  const sessions = createSealedSessions(onlooker, carriers)
  const endOfSealed = ({ record, until }: SealedRecord): Pick<SessionFacts, 'expiresAt' | 'limit'> => {
    const end = endOf(record, policy.lifetime)
    return end.expiresAt.getTime() <= until ? end : { expiresAt: new Date(until), limit: 'stored' }
  }
  return async (header, kind, renewable) => {
    const { opened, reason } = await readSealed(header, carriers[kind])
    const candidates = reason === 'oversized' ? [] : await candidatesIn(header, carriers[kind])
    const inspected = {
      candidates,
      refused: opened === null ? reason : null,
      keyIndex: opened?.keyIndex ?? 0,
    }
    if (opened === null) {
      // The cookie is genuine; its text is of a version that we do not know.
      const facts = reason === 'unreadable' ? ({ ...noSession, verdict: reason } as const) : noSession
      return { ...inspected, facts, plan: 'nothing' }
    }
    const known = { ...noSession, id: shortId(opened.id), ...endOfSealed(opened) }
    return { ...inspected, ...(await lookUp(known)) }

    async function lookUp(about: SessionFacts): Promise<Pick<Inspection, 'facts' | 'plan'>> {
      try {
        const { live, reason: refused, viaGrace } = await sessions.recall(header, kind, true)
        if (live === null) return { facts: { ...about, verdict: refused ?? 'none' }, plan: 'nothing' }
        const signedIn = live.record.userId !== null
        const plan = planOf(createSessionState(live, policy.now(), viaGrace), policy.lifetime, renewable)
        return { facts: { ...about, verdict: 'live', signedIn, viaGrace }, plan }
      } catch (error) {
        const cause = error instanceof SessionError ? error.cause : error
        return {
          facts: { ...about, verdict: 'store-failure', error: printableError(cause) },
          plan: 'nothing',
        }
      }
    }
  }
}

function candidatesIn(header: string, { cookie, sealer }: SealedCarrier): Promise<CookieCandidate[]> {
  const { parts, values } = cookie.read(header)
  const names = [cookie.name, ...parts.map((number) => `${cookie.name}.${number}`)]
  // What is torn, or too many, is shown piece by piece.
  const shown = values.length > 0 ? values : names.flatMap((name) => cookieValues(header, name))
  return Promise.all(
    shown.map(async (value) => {
      const about = { length: value.length, looksLike: null, id: null, keyIndex: null }
      const result = await sealer.open(value)
      if (typeof result === 'string') return { ...about, verdict: result }
      const record = decodeSealed(result.content)
      return { ...about, verdict: 'valid', id: record && shortId(record.id), keyIndex: result.keyIndex }
    }),
  )
}
