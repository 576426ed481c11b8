import { createSessionRecords, isLive, isMoved } from '../backend/session-records.ts'
import { guardStore } from '../backend/guarded-store.ts'
import { cookieValues, maxCookieHeader } from '../cookie/cookie-header.ts'
import type { SessionRequest } from '../cookie/transport.ts'
import type { TokenSigner } from '../crypto/token-signer.ts'
import { parseToken, type SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import { decodeRecord, isTombstone } from '../session/record.ts'
import { createSessionState, type LiveRecord } from '../session/state.ts'
import { run } from '../steps.ts'
import { readCredential } from './credential.ts'
import { endOf, explain, noSession, type Inspect, type Inspection } from './explain.ts'
import type { CookieCandidate, Explanation, SessionFacts } from './explanation.ts'
import { planOf } from './plan.ts'
import { printableError, shortId } from './printable.ts'
import type { StorePolicy } from './store-options.ts'
import type { Carriers, StoredParts } from './stored-sessions.ts'

/** Explains a request to sessions in a store. */
export function explainStored(
  { carriers, policy }: StoredParts,
  request: SessionRequest,
): Promise<Explanation> {
  return explain(policy, false, inspectorOf(policy, carriers), request)
}

function inspectorOf(policy: StorePolicy, carriers: Carriers): Inspect {
  return async (header, kind, renewable) => {
    const { cookie, signer } = carriers[kind]
    const candidates = header.length > maxCookieHeader ? [] : await candidatesIn(header, cookie.name, signer)
    const credential = await readCredential(header, cookie.name, signer)
    if (credential.id === null) {
      return { candidates, refused: credential.reason, keyIndex: 0, facts: noSession, plan: 'nothing' }
    }
    const { id, keyIndex } = credential
    return { candidates, refused: null, keyIndex, ...(await lookUp(policy, id, renewable)) }
  }
}

function candidatesIn(header: string, name: string, signer: TokenSigner): Promise<CookieCandidate[]> {
  return Promise.all(
    cookieValues(header, name).map(async (value) => {
      const { length } = value
      const token = parseToken(value)
      const looksLike = /^s(?::|%3A)/i.test(value) ? 'express-session' : null
      if (token === null) return { verdict: 'malformed', length, looksLike, id: null, keyIndex: null }
      const index = await signer.verify(token)
      // An id without its proof is the client's invention.
      if (index < 0) return { verdict: 'forged', length, looksLike, id: null, keyIndex: null }
      return { verdict: 'valid', length, looksLike, id: shortId(token.id), keyIndex: index }
    }),
  )
}

/** What the store says of an id, and what it would have a commit do. */
type Finding = Pick<Inspection, 'facts' | 'plan'>

/** What stands under an id, followed as a real request would be, but without the consequences. */
async function lookUp(policy: StorePolicy, id: SessionId, renewable: boolean): Promise<Finding> {
  const { guard, lifetime, now, store } = policy
  const guarded = guardStore(store, () => {})
  const records = createSessionRecords(guarded, guard, lifetime, now)
  const about = { ...noSession, id: shortId(id) }
  const refused = (verdict: SessionFacts['verdict'], more: Partial<SessionFacts> = {}): Finding => ({
    facts: { ...about, ...more, verdict },
    plan: 'nothing',
  })

  function live(found: LiveRecord, viaGrace: boolean): Finding {
    const { record } = found
    const successor = viaGrace ? shortId(found.id) : null
    const facts = {
      ...about,
      viaGrace,
      successor,
      signedIn: record.userId !== null,
      ...endOf(record, lifetime),
    }
    const plan = planOf(createSessionState(found, now(), viaGrace), lifetime, renewable)
    return { facts: { ...facts, verdict: 'live' }, plan }
  }

  /** By which limit a record has expired; nothing when the store has swept it meanwhile, or holds no session there. */
  async function expired(): Promise<Partial<SessionFacts>> {
    const stored = await guarded.get(id)
    const record = stored && decodeRecord(stored)
    if (!stored || !record || isTombstone(record)) return {}
    const end = endOf(record, lifetime)
    return end.expiresAt.getTime() <= stored.expiresAt
      ? end
      : { expiresAt: new Date(stored.expiresAt), limit: 'stored' }
  }

  try {
    const found = await records.find(id)
    if (isLive(found)) return live(found, false)
    if (!isMoved(found)) return refused(found.absent, found.absent === 'expired' ? await expired() : {})
    const successor = shortId(found.successor)
    if (found.graceUntil === 0) return refused('superseded', { successor })
    if (found.graceUntil <= now()) return refused('reused', { successor })
    const followed = await run(records.follow(found.successor))
    return followed === null ? refused('unknown', { successor }) : live(followed, true)
  } catch (error) {
    const cause = error instanceof SessionError ? error.cause : error
    return refused('store-failure', { error: printableError(cause) })
  }
}
