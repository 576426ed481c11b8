import { createSessionRecords, isLive, isMoved } from '../backend/session-records.ts'
import { guardStore } from '../backend/guarded-store.ts'
import { cookieValues, maxCookieHeader } from '../cookie/cookie-header.ts'
import {
  forwardingHeaders,
  remedyFor,
  transportOf,
  type SessionRequest,
  type Transport,
} from '../cookie/transport.ts'
import type { TokenSigner } from '../crypto/token-signer.ts'
import { parseToken, type SessionId } from '../crypto/token.ts'
import { SessionError } from '../errors.ts'
import { deadlineOf, type Lifetime, type SessionTimes } from '../session/lifetime.ts'
import { decodeRecord, isTombstone } from '../session/record.ts'
import { createSessionState, type LiveRecord } from '../session/state.ts'
import { readCredential } from './credential.ts'
import {
  inSentences,
  type CookieCandidate,
  type Explanation,
  type ExplanationFacts,
  type SessionFacts,
} from './explanation.ts'
import type { Policy } from './options.ts'
import { mayRenew, planOf, type Plan } from './plan.ts'
import { printable, printableError, shortId } from './printable.ts'
import type { Carrier } from './visit.ts'

/** The parts of a manager that explaining needs. */
export interface ExplainParts extends Pick<Policy, 'guard' | 'lifetime' | 'now' | 'store' | 'trustProxy'> {
  readonly carriers: { readonly [kind in Transport]?: Carrier }
}

const nothing: SessionFacts = {
  verdict: 'none',
  id: null,
  successor: null,
  viaGrace: false,
  signedIn: false,
  expiresAt: null,
  limit: null,
  error: null,
}

/**
 * Explains a request without answering it: asks the store, but writes nothing, ends nothing and reports no event. What the
 * client sent never makes it reject, nor does a store that fails.
 *
 * @throws `ERR_SESSION_CONFIG` when the secrets cannot be loaded.
 */
export async function explain(parts: ExplainParts, request: SessionRequest): Promise<Explanation> {
  const { carriers, lifetime, now: clock, trustProxy } = parts
  const now = clock()
  const verdict = transportOf(request, trustProxy)
  const carrier = carriers[verdict]
  const header = request.headers.get('cookie')
  const values = carrier && header !== null && header.length <= maxCookieHeader ? header : ''
  const candidates =
    carrier === undefined ? [] : await candidatesIn(values, carrier.cookie.name, carrier.signer)
  const credential =
    carrier === undefined || header === null
      ? { id: null, reason: null }
      : await readCredential(header, carrier.cookie.name, carrier.signer)
  const { id } = credential
  const refused = id === null ? credential.reason : null
  const { facts, plan } =
    id === null ? { facts: nothing, plan: 'nothing' as const } : await lookUp(parts, id, mayRenew(request))
  const until = deadlineOf({ createdAt: now, authenticatedAt: null, seenAt: Infinity }, lifetime)
  const other = Object.values(carriers).find(({ cookie }) => cookie.name !== carrier?.cookie.name)
  const explained: ExplanationFacts = {
    transport: { verdict, ...transportFacts(request), trustProxy, remedy: remedyOf(verdict) },
    cookie: {
      name: carrier?.cookie.name ?? null,
      headerLength: header?.length ?? null,
      candidates,
      refused,
      elsewhere: other && cookieValues(header ?? '', other.cookie.name).length > 0 ? other.cookie.name : null,
    },
    session: facts,
    response: {
      plan,
      setCookie: carrier?.cookie.set('…', { from: now, until }) ?? null,
      reissue:
        facts.verdict === 'live' && !facts.viaGrace && 'keyIndex' in credential && credential.keyIndex > 0,
    },
  }
  return { sentences: inSentences(explained), ...explained }
}

function transportFacts({
  headers,
  url,
}: SessionRequest): Pick<
  ExplanationFacts['transport'],
  'forwardedBy' | 'forwardedProto' | 'host' | 'scheme'
> {
  const [, scheme = '', host = ''] = /^([a-z]+):\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url) ?? []
  const proto = headers.get('x-forwarded-proto')
  return {
    scheme: scheme.toLowerCase(),
    host: printable(host),
    forwardedBy: forwardingHeaders.filter((name) => headers.get(name) !== null),
    forwardedProto: proto === null ? null : printable(proto),
  }
}

function remedyOf(verdict: Transport): string | null {
  return verdict === 'plain-http' || verdict === 'untrusted-proxy' ? remedyFor(verdict) : null
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
interface Finding {
  readonly facts: SessionFacts
  readonly plan: Plan
}

/** What stands under an id, followed as a real request would be, but without the consequences. */
async function lookUp(parts: ExplainParts, id: SessionId, renewable: boolean): Promise<Finding> {
  const { guard, lifetime, now, store } = parts
  const guarded = guardStore(store, () => {})
  const records = createSessionRecords(guarded, guard, lifetime, now)
  const about = { ...nothing, id: shortId(id) }
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
    const followed = await records.follow(found.successor)
    return followed === null ? refused('unknown', { successor }) : live(followed, true)
  } catch (error) {
    const cause = error instanceof SessionError ? error.cause : error
    return refused('store-failure', { error: printableError(cause) })
  }
}

function endOf(times: SessionTimes, lifetime: Lifetime): { expiresAt: Date; limit: 'idle' | 'absolute' } {
  const end = deadlineOf(times, lifetime)
  const last = deadlineOf({ ...times, seenAt: Infinity }, lifetime)
  return { expiresAt: new Date(end), limit: end === last ? 'absolute' : 'idle' }
}
