import { cookieValues } from '../cookie/cookie-header.ts'
import {
  forwardingHeaders,
  remedyFor,
  transportOf,
  type SessionRequest,
  type Transport,
} from '../cookie/transport.ts'
import { deadlineOf, type Lifetime, type SessionTimes } from '../session/lifetime.ts'
import type { RejectionReason } from './events.ts'
import {
  inSentences,
  type CookieCandidate,
  type Explanation,
  type ExplanationFacts,
  type SessionFacts,
} from './explanation.ts'
import type { Policy } from './options.ts'
import { mayRenew, type Plan } from './plan.ts'
import { printable } from './printable.ts'
import type { CookieKind } from './visit.ts'

/** What the cookies of a request amount to, and what a commit would do. */
export interface Inspection {
  readonly candidates: readonly CookieCandidate[]
  /** Why no candidate counts, or null. */
  readonly refused: RejectionReason | null
  /** Which secret made the cookie that counts. */
  readonly keyIndex: number
  readonly facts: SessionFacts
  readonly plan: Plan
}

/** Reads a Cookie header as a load would, but without consequences. */
export type Inspect = (header: string, kind: CookieKind, renewable: boolean) => Promise<Inspection>

/** The facts of a request without a session. */
export const noSession: SessionFacts = {
  verdict: 'none',
  id: null,
  successor: null,
  viaGrace: false,
  signedIn: false,
  expiresAt: null,
  limit: null,
  error: null,
}

const nothing: Inspection = { candidates: [], refused: null, keyIndex: 0, facts: noSession, plan: 'nothing' }

/**
 * Explains a request without answering it: asks the store, but writes nothing, ends nothing and reports no event. What the
 * client sent never makes it reject, nor does a store that fails.
 *
 * @param sealed Whether the cookie holds the session itself.
 * @throws `ERR_SESSION_CONFIG` when the secrets cannot be loaded.
 */
export async function explain(
  { cookies, lifetime, now: clock, trustProxy }: Policy,
  sealed: boolean,
  inspect: Inspect,
  request: SessionRequest,
): Promise<Explanation> {
  const now = clock()
  const verdict = transportOf(request, trustProxy)
  const kind = verdict === 'secure' || verdict === 'loopback' ? verdict : null
  const header = request.headers.get('cookie')
  const inspected = kind && header !== null ? await inspect(header, kind, mayRenew(request)) : nothing
  const { candidates, facts, keyIndex, plan, refused } = inspected
  const cookie = kind && cookies[kind]
  const until = deadlineOf({ createdAt: now, authenticatedAt: null, seenAt: Infinity }, lifetime)
  const other = Object.values(cookies).find(({ name }) => name !== cookie?.name)
  const explained: ExplanationFacts = {
    transport: { verdict, ...transportFacts(request), trustProxy, remedy: remedyOf(verdict) },
    cookie: {
      name: cookie?.name ?? null,
      sealed,
      headerLength: header?.length ?? null,
      candidates,
      refused,
      elsewhere: other && cookieValues(header ?? '', other.name).length > 0 ? other.name : null,
    },
    session: facts,
    response: {
      plan,
      setCookie: cookie?.set('…', { from: now, until }) ?? null,
      reissue: facts.verdict === 'live' && !facts.viaGrace && keyIndex > 0,
    },
  }
  return { sentences: inSentences(explained), ...explained }
}

/** When a session ends, and by which limit. */
export function endOf(
  times: SessionTimes,
  lifetime: Lifetime,
): { expiresAt: Date; limit: 'idle' | 'absolute' } {
  const end = deadlineOf(times, lifetime)
  const last = deadlineOf({ ...times, seenAt: Infinity }, lifetime)
  return { expiresAt: new Date(end), limit: end === last ? 'absolute' : 'idle' }
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
