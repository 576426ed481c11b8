import type { Transport } from '../cookie/transport.ts'
import type { RejectionReason } from './events.ts'
import type { Plan } from './plan.ts'

/** What coatcheck sees in a request and would do with it. Ids are shortened; there is no token, proof or user in it. */
export interface Explanation extends ExplanationFacts {
  /** All of it, in plain English. */
  readonly sentences: readonly string[]
}

/** The parts of an {@link Explanation}. */
export interface ExplanationFacts {
  readonly transport: {
    readonly verdict: Transport
    readonly scheme: string
    readonly host: string
    /** The forwarding headers that the request has. */
    readonly forwardedBy: readonly string[]
    readonly forwardedProto: string | null
    readonly trustProxy: number
    /** How to mend a transport that carries no session, or null. */
    readonly remedy: string | null
  }
  readonly cookie: {
    /** The name that is looked for, or null where no cookie is read. */
    readonly name: string | null
    /** Whether it holds the session itself, and not only the token of one. */
    readonly sealed: boolean
    /** The length of the `Cookie` header, in characters; null without one. */
    readonly headerLength: number | null
    readonly candidates: readonly CookieCandidate[]
    /** Why no candidate counts, or null. */
    readonly refused: RejectionReason | null
    /** The name of our cookie for the other kind of transport, when the request has it. */
    readonly elsewhere: string | null
  }
  readonly session: SessionFacts
  readonly response: {
    /** What the commit of a handler that changes nothing would write. */
    readonly plan: Plan
    /** The field that a response sets when the browser has to learn an id, without the value; null where it cannot. */
    readonly setCookie: string | null
    /** Whether the next response carries the cookie anew, as an older secret signed it. */
    readonly reissue: boolean
  }
}

/** One cookie of the name that is looked for. */
export interface CookieCandidate {
  readonly verdict: 'malformed' | 'forged' | 'valid'
  readonly length: number
  /** Whose cookie it looks like. */
  readonly looksLike: 'express-session' | null
  readonly id: string | null
  /** Which of `secrets` signed it, when it is an older one; 0 when its cookie needs no other. */
  readonly keyIndex: number | null
}

/** What the store says of the id in the cookie. */
export interface SessionFacts {
  readonly verdict: 'none' | 'live' | 'store-failure' | RejectionReason
  readonly id: string | null
  /** The id that took its place, after a rotation or a login. */
  readonly successor: string | null
  readonly viaGrace: boolean
  readonly signedIn: boolean
  /** When it ends or ended, unless another visit comes. */
  readonly expiresAt: Date | null
  /** Which limit that is. */
  readonly limit: 'idle' | 'absolute' | 'stored' | null
  /** What the store threw. */
  readonly error: string | null
}

type Facts<Part extends keyof ExplanationFacts> = ExplanationFacts[Part]

/** What the facts mean, one after the other as a request meets them. */
export function inSentences({ cookie, response, session, transport }: ExplanationFacts): string[] {
  return [
    ...aboutTransport(transport),
    ...(cookie.name === null ? [] : aboutCookies(cookie, cookie.name)),
    ...(session.verdict === 'none' ? [] : [aboutSession(session, cookie.sealed)]),
    ...aboutResponse(response, session, cookie.sealed),
  ]
}

function aboutTransport(transport: Facts<'transport'>): string[] {
  const { forwardedBy, forwardedProto, host, remedy, scheme, trustProxy, verdict } = transport
  const came = `The request came to ${host || 'no host'} over ${scheme || 'an unknown scheme'}`
  const proxied = forwardedBy.length === 0 ? null : `It has ${forwardedBy.join(', ')}`
  const proto = forwardedProto === null ? '' : `, and X-Forwarded-Proto says "${forwardedProto}"`
  const trusted =
    trustProxy > 0 ? `trustProxy is ${trustProxy}, so that counts` : 'trustProxy is 0, so that does not count'
  const said = proxied === null ? [`${came}.`] : [`${came}.`, `${proxied}${proto}; ${trusted}.`]
  switch (verdict) {
    case 'secure':
      return [...said, 'The transport is safe.']
    case 'loopback':
      return [
        ...said,
        'Plain http on a loopback host is allowed, for development; the cookie has neither prefix nor Secure.',
      ]
    case 'plain-http':
    case 'untrusted-proxy':
      return [...said, `No session cookie is read or set. ${remedy}`]
  }
}

function aboutCookies(
  { candidates, elsewhere, headerLength, refused, sealed }: Facts<'cookie'>,
  name: string,
): string[] {
  const looked = `The session cookie is named ${name}`
  const other =
    elsewhere === null
      ? []
      : [`The cookie ${elsewhere} is for another kind of transport, and is not looked at here.`]
  if (headerLength === null) return [`${looked}, but the request has no Cookie header.`]
  if (refused === 'oversized') {
    return [`${looked}, but the Cookie header has ${headerLength} characters: that is more than is read.`]
  }
  if (candidates.length === 0) return [`${looked}, and the Cookie header has none of that name.`, ...other]
  const count = `${candidates.length} ${candidates.length === 1 ? 'cookie has' : 'cookies have'} that name`
  const verdict = refused === 'ambiguous' ? [`All are refused: ${reasons.ambiguous}.`] : []
  return [
    `${looked}; ${count}.`,
    ...candidates.map((candidate, at) => aboutCandidate(candidate, at, sealed)),
    ...verdict,
    ...other,
  ]
}

function aboutCandidate(
  { id, keyIndex, length, looksLike, verdict }: CookieCandidate,
  at: number,
  sealed: boolean,
): string {
  const it = `Cookie ${at + 1}`
  if (verdict === 'valid') {
    const signer = keyIndex === 0 ? 'the current secret' : `secrets[${keyIndex}], an older one,`
    return `${it} is valid: it names session ${id}, and ${signer} signed it.`
  }
  if (verdict === 'forged') return `${it} is refused as forged: ${reasons.forged}.`
  const guess = looksLike === null ? '' : ` It looks like a cookie of ${looksLike}.`
  const form = sealed ? 'a sealed session' : 'an id and a proof of 43 each, with a dot between'
  return `${it} is refused as malformed: its ${length} characters are not ${form}.${guess}`
}

const reasons: Readonly<Record<RejectionReason, string>> = {
  malformed: 'it has not the form that it should have',
  forged: 'none of the secrets made it for this name; was a secret dropped, or do hosts have different ones?',
  ambiguous: 'there are two valid sessions, or more than 8 cookies, and choosing would be guessing',
  oversized: 'the Cookie header is too long',
  unknown: 'the store has no record of it: it was ended or revoked, or swept after its expiry',
  expired: 'its time is over',
  superseded: 'a login or a step-up gave the session a new id, and ended this one at once',
  reused:
    'a rotation replaced this id, and its grace window is over; a real request would end the whole session',
  schema: 'its data do not fit the schema, and migrate did not mend them',
  unreadable: 'its record is damaged, or was written by a newer version',
  revoked: 'it was ended, or all sessions of its user were',
  replayed: 'a newer cookie of the session was set since',
}

const limits: Readonly<Record<NonNullable<SessionFacts['limit']>, string>> = {
  idle: 'the idle limit',
  absolute: 'the absolute limit',
  stored: 'the limit that was in force when it was written',
}

function aboutSession(
  { error, expiresAt, id, limit, signedIn, successor, verdict, viaGrace }: SessionFacts,
  sealed: boolean,
): string {
  const when =
    expiresAt === null || limit === null ? '' : ` at ${expiresAt.toISOString()}, by ${limits[limit]}`
  if (verdict === 'store-failure')
    return `The store failed (${error}): a real request would fail, and not go on as a stranger.`
  if (verdict !== 'live' && verdict !== 'none') {
    const ended = verdict === 'expired' && when !== '' ? `, it ended${when}` : ''
    return `Session ${id} is refused as ${verdict}: ${reasons[verdict]}${ended}. A new session begins.`
  }
  const who = signedIn ? 'somebody is signed in' : 'nobody is signed in'
  const passed = sealed
    ? 'A newer cookie has been set, and this one can be read for a while. '
    : `A rotation replaced the id, and its grace window leads on to ${successor}. `
  return `${viaGrace ? passed : ''}Session ${successor ?? id} is live: ${who}, and it ends${when} unless another visit is recorded.`
}

function aboutResponse(
  { plan, reissue, setCookie }: Facts<'response'>,
  { verdict, viaGrace }: SessionFacts,
  sealed: boolean,
): string[] {
  if (setCookie === null || verdict === 'store-failure')
    return ['No response to this request would set a session cookie.']
  const writes = plan === 'nothing' ? 'writes nothing' : `would write (${plan})`
  const untouched = `A handler that changes nothing ${writes}`
  if (verdict !== 'live') {
    return [
      `${untouched} and sets no cookie.`,
      `One that changes the session would begin a new one, and send Set-Cookie: ${setCookie}`,
    ]
  }
  if (viaGrace) return [`${untouched}; a replaced id gets no new cookie, except by a login.`]
  if (plan === 'rotate')
    return [`Its id has had its time (renewEvery), so the response would carry a new one: ${setCookie}`]
  if (reissue)
    return [`${untouched}; as an older secret signed the cookie, it would be sent anew: ${setCookie}`]
  const when = sealed ? 'something changes' : 'the id changes, by login or rotate'
  return [`${untouched}. The cookie is good, so a new one is sent only when ${when}: ${setCookie}`]
}
