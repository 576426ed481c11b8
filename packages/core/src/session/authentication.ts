import { randomText } from '../crypto/bytes.ts'
import { check, SessionError } from '../errors.ts'
import { parseDuration, type Duration } from './lifetime.ts'

/** How sure the authentication was: an assurance level of NIST SP 800-63B-4. */
export type Aal = 1 | 2 | 3

/** What `login` is told of how the user proved to be who they are, and from where. */
export interface LoginFacts {
  /** The methods, by their names in RFC 8176: `'pwd'`, `'otp'`, `'hwk'`, … (default none). */
  readonly amr?: readonly string[]
  /** The assurance level that they reach (default none). */
  readonly aal?: Aal
  /** When the user did so, for example at an identity provider (default now). The absolute limit counts from it (ASVS 7.6.1). */
  readonly authTime?: Date
  /** Keeps the cookie when the browser closes (default: the option `cookie.persistent`). */
  readonly remember?: boolean
  /** By what the user will know the device in a list: `'Firefox on Linux'` (default none). */
  readonly label?: string
  /** Further facts for that list, such as a country (default none). */
  readonly client?: Readonly<Record<string, string>>
  /** The session at an identity provider, for its back-channel logout (default none). */
  readonly idp?: IdpSession
}

/** A session at an identity provider (OpenID Connect Back-Channel Logout 1.0 §2.1). */
export interface IdpSession {
  readonly iss: string
  readonly sid: string
}

/** What `stepUp` is told of the further proof. */
export interface StepUpFacts {
  /** The methods of the further proof, by their names in RFC 8176 (default none). */
  readonly amr?: readonly string[]
  /** The level that it reaches, for as long as it holds (default none). */
  readonly aal?: Aal
  /** How long it holds; visits do not prolong it (default `'10m'`). */
  readonly for?: Duration
}

/** What is needed for something sensitive. */
export interface Freshness {
  /** How long ago the last proof may be (default: any time). */
  readonly maxAge?: Duration
  /** Methods that must all have been used (default none). */
  readonly amr?: readonly string[]
  /** The least assurance level (default none). */
  readonly aal?: Aal
}

/** How the user of a session is known, as it holds now. */
export interface Authentication {
  readonly amr: readonly string[]
  /** Falls back by itself when a step-up has run out; only `login` and `stepUp` raise it. */
  readonly aal: Aal | null
  /** When the last proof was given. */
  readonly authTime: Date
  readonly remember: boolean | null
  readonly label: string | null
  readonly client: Readonly<Record<string, string>>
  readonly idp: IdpSession | null
}

/** A proof that holds for a while. Times in milliseconds since the epoch. */
export interface Elevation {
  readonly amr: readonly string[]
  readonly aal: Aal | null
  readonly at: number
  readonly until: number
}

/** What a record keeps of a login. JSON. */
export interface AuthRecord {
  /** Names the session in the user's list, over rotations; not a credential. */
  readonly handle: string
  readonly amr: readonly string[]
  readonly aal: Aal | null
  readonly remember: boolean | null
  readonly label: string | null
  readonly client: Readonly<Record<string, string>>
  readonly idp: IdpSession | null
  readonly elevation: Elevation | null
  /** Who acts as the user of the session, if somebody else does. */
  readonly actor: string | null
}

/** A change of who is signed in, or of how: the id changes with it, and the old one ends at once. */
export interface AuthChange {
  readonly kind: 'login' | 'step-up' | 'act-as' | 'stop-acting'
  /** Who is the user afterwards. */
  readonly userId: string
  /** When the user was authenticated, in milliseconds since the epoch; null leaves that as it is. */
  readonly at: number | null
  /** What is known of the user afterwards; run again on the newer record after a lost race. */
  readonly apply: (auth: AuthRecord | null) => AuthRecord
}

const longestText = 1024
const longestUserId = 255

/** Reads the facts of a login. Throws `ERR_SESSION_CONFIG` naming the one that is wrong. */
export function loginChange(userId: string, facts: LoginFacts, now: number): AuthChange {
  checkUserId(userId)
  const { aal = null, amr = [], authTime, client = {}, idp = null, label = null, remember = null } = facts
  checkProof(amr, aal)
  const at = authTime instanceof Date ? authTime.getTime() : authTime === undefined ? now : NaN
  check(Number.isFinite(at), 'authTime', 'must be a valid Date')
  check(remember === null || typeof remember === 'boolean', 'remember', 'must be true or false')
  check(label === null || isText(label), 'label', `must be a string of at most ${longestText} characters`)
  const isClient = typeof client === 'object' && client !== null && !Array.isArray(client)
  check(isClient && Object.values(client).every(isText), 'client', 'must have short strings as values')
  check(idp === null || (isText(idp.iss) && isText(idp.sid)), 'idp', 'must have iss and sid, both strings')
  const auth = { ...unknownAuth(), amr, aal, remember, label, client, idp }
  // A clock of the identity provider that runs ahead must not prolong the session.
  return { kind: 'login', userId, at: Math.min(at, now), apply: () => auth }
}

/** A further proof, on top of what the same request has changed before. */
export function stepUpChange(userId: string, facts: StepUpFacts, now: number): AuthChange {
  const elevation = elevationOf(facts, now)
  return { kind: 'step-up', userId, at: null, apply: (auth) => ({ ...(auth ?? unknownAuth()), elevation }) }
}

/** Somebody goes on as another user. */
export function actAsChange(userId: string, actor: string): AuthChange {
  checkUserId(userId)
  return { kind: 'act-as', userId, at: null, apply: (auth) => ({ ...(auth ?? unknownAuth()), actor }) }
}

/** The actor is the user again. */
export function stopActingChange(actor: string): AuthChange {
  return {
    kind: 'stop-acting',
    userId: actor,
    at: null,
    apply: (auth) => ({ ...(auth ?? unknownAuth()), actor: null }),
  }
}

/** Two changes of one request as one, which is called after the first of them if that is a login. */
export function followedBy(first: AuthChange | null, second: AuthChange): AuthChange {
  if (first === null || second.kind === 'login') return second
  return {
    kind: first.kind === 'login' ? 'login' : second.kind,
    userId: second.userId,
    at: first.at,
    apply: (auth) => second.apply(first.apply(auth)),
  }
}

/** What is known of the user after a change, or without one. */
export function authAfter(change: AuthChange | null, auth: AuthRecord | null): AuthRecord | null {
  return change === null ? auth : change.apply(auth)
}

function elevationOf(facts: StepUpFacts, now: number): Elevation {
  const { aal = null, amr = [], for: span = '10m' } = facts
  checkProof(amr, aal)
  return { amr, aal, at: now, until: now + parseDuration(span, 'stepUp.for') }
}

/** What an authentication amounts to at a time. */
export function authenticationAt(auth: AuthRecord, authenticatedAt: number, now: number): Authentication {
  const { client, elevation, idp, label, remember } = auth
  const holds = elevation !== null && elevation.until > now
  return {
    amr: holds ? [...new Set([...auth.amr, ...elevation.amr])] : auth.amr,
    aal: holds ? highest(auth.aal, elevation.aal) : auth.aal,
    authTime: new Date(holds ? elevation.at : authenticatedAt),
    remember,
    label,
    client,
    idp,
  }
}

/** Throws `ERR_SESSION_STEP_UP` unless the authentication is as fresh and as strong as is needed (ASVS 7.5.1, 7.5.3). */
export function assertFresh(
  authentication: Authentication | null,
  { aal = 1, amr = [], maxAge }: Freshness,
  now: number,
): void {
  // What is misspelt must not pass as what is not asked for.
  checkProof(amr, aal)
  const oldest = maxAge === undefined ? Infinity : parseDuration(maxAge, 'requireFresh.maxAge')
  if (authentication === null) throw new StepUpError('unauthenticated', 'Nobody is signed in.')
  if (now - authentication.authTime.getTime() > oldest) {
    throw new StepUpError('stale', `The last proof is older than ${maxAge}.`)
  }
  const missing = amr.filter((method) => !authentication.amr.includes(method))
  if (missing.length > 0) throw new StepUpError('method', `The method ${missing.join(', ')} was not used.`)
  if (aal > 1 && (authentication.aal ?? 0) < aal) {
    throw new StepUpError(
      'level',
      `The assurance level is ${authentication.aal ?? 'unknown'} and not ${aal}.`,
    )
  }
}

/** Why a stronger or fresher proof is needed. */
export type StepUpReason = 'unauthenticated' | 'stale' | 'method' | 'level'

/**
 * What `requireFresh` throws: answer it with a page that asks for the proof. Where nothing catches it, every adapter
 * answers with status 401; error handlers of the framework come first.
 */
export class StepUpError extends SessionError {
  readonly reason: StepUpReason
  /** What frameworks take for the response's status. */
  readonly status = 401

  constructor(reason: StepUpReason, message: string) {
    super('ERR_SESSION_STEP_UP', message)
    this.reason = reason
  }

  /** The answer of last resort, as Hono asks errors for it. */
  getResponse(): Response {
    return new Response('Unauthorized', { status: this.status, headers: { 'WWW-Authenticate': 'Cookie' } })
  }
}

function checkUserId(userId: unknown): void {
  const fits = typeof userId === 'string' && userId !== '' && userId.length <= longestUserId
  // Half a surrogate pair becomes another character in UTF-8, and one user might become another.
  check(
    fits && userId.isWellFormed(),
    'userId',
    `must be a well-formed string of 1 to ${longestUserId} characters`,
  )
}

function checkProof(amr: readonly string[], aal: Aal | null): void {
  check(Array.isArray(amr) && amr.every(isText), 'amr', "must be a list of names, such as ['pwd', 'otp']")
  check(aal === null || [1, 2, 3].includes(aal), 'aal', 'must be 1, 2 or 3')
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= longestText
}

function highest(one: Aal | null, other: Aal | null): Aal | null {
  return Math.max(one ?? 0, other ?? 0) === 0 ? null : (Math.max(one ?? 0, other ?? 0) as Aal)
}

function unknownAuth(): AuthRecord {
  const facts = { amr: [], aal: null, remember: null, label: null, client: {}, idp: null }
  return { handle: randomText(16), ...facts, elevation: null, actor: null }
}
