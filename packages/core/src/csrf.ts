import type { SessionId } from './crypto/token.ts'
import { formField } from './csrf/form-field.ts'
import { assertOrigin, originRemedy, sourceFault, type SourceFault } from './csrf/origin.ts'
import { isSafe, isWebSocketUpgrade, type CsrfRequest } from './csrf/request.ts'
import { exemptionOf, sensitivityOf, type CsrfRoutes } from './csrf/route.ts'
import { createCsrfTokens, type CsrfTokens } from './csrf/token.ts'
import { check as checkOption } from './errors.ts'
import { safely, type CsrfReason, type OnEvent } from './manager/events.ts'
import { keyringOf, type SecretsSource } from './manager/key-provider.ts'
import { printable } from './manager/printable.ts'

export type { CsrfReason, CsrfRequest, CsrfRoutes }

/** The part of a session that is looked at; every `Session` has it. */
export interface CsrfSession {
  readonly id: SessionId | null
  readonly isNew: boolean
  readonly userId: string | null
  readonly anchors: readonly string[]
  anchor(): string
}

/** A session, or what loads it when it is needed: by itself, the `fetch-metadata` mode mostly needs none. */
export type CsrfSessionSource = CsrfSession | (() => Promise<CsrfSession>)

/** What has to prove that a request comes from the site's own pages. */
export type CsrfMode =
  /** The headers that only browsers write: `Sec-Fetch-Site`, else `Origin`. */
  | 'fetch-metadata'
  /** A token that only the site's own pages know (NIST SP 800-63B-4 §5.1 asks for one). */
  | 'token'
  /** Both. */
  | 'both'

interface CsrfSettings {
  /** Where browsers see the site, such as `'https://shop.example'` (default: the origin of the request's URL). Needed behind a proxy that ends TLS. */
  readonly origin?: string
  /** Other origins whose pages may send requests here (default none). Exact: a sibling domain is not trusted by itself. */
  readonly trustedOrigins?: readonly string[]
  /** Routes that other sites may call, such as webhooks that authenticate by themselves (default none). */
  readonly exempt?: CsrfRoutes
  /** Routes that are checked even on GET and HEAD, because a visit does something (default none). */
  readonly sensitive?: CsrfRoutes
  /** The form field that carries the token (default `'csrf'`). Scripts send it as header `X-CSRF-Token`. */
  readonly field?: string
  /** Receives `csrf-denied` (default: only a warning when the server does not seem to know its origin). */
  readonly onEvent?: OnEvent
  /** The clock, in milliseconds since the epoch (default `Date.now`); by it secrets come and go. */
  readonly now?: () => number
}

/** Options of {@link createCsrf}. Tokens need `secrets`: those of the session manager will do. */
export type CsrfOptions = CsrfSettings &
  (
    | { readonly mode?: 'fetch-metadata'; readonly secrets?: SecretsSource }
    | { readonly mode: 'token' | 'both'; readonly secrets: SecretsSource }
  )

/** The outcome of a check. */
export type CsrfVerdict =
  | { readonly allowed: true }
  | {
      readonly allowed: false
      readonly reason: CsrfReason
      /** How to mend it, in a sentence for developers, when the configuration is the likely cause. */
      readonly remedy: string | null
    }

/** Finds the value of a form field. */
type FieldReader = (request: CsrfRequest, name: string) => Promise<unknown>

/** What a framework knows better than the request. */
export interface CsrfCheckOptions {
  /** The value of a form field that has been parsed already (default: read from a copy of the `Request`). */
  readonly field?: FieldReader
}

/** Keeps other sites from acting in a user's name. */
export interface Csrf {
  /**
   * Judges a request before anything is done for it. Answer a denial with {@link forbidden}. Safe methods pass, unless
   * they ask for a WebSocket or the route is sensitive; these are judged by their headers in every mode, since no
   * link and no socket can carry a token. Never rejects because of what the client sent.
   */
  check(request: CsrfRequest, session: CsrfSessionSource, options?: CsrfCheckOptions): Promise<CsrfVerdict>
  /** Judges a request for a WebSocket or the like, whatever its method and headers (ASVS 4.4.2). Who is signed in, its session says. */
  verifyUpgrade(request: CsrfRequest, session: CsrfSessionSource): Promise<CsrfVerdict>
  /**
   * A fresh token for a form or a page's scripts. It holds as long as the session has its id, and in the grace window
   * after; `login`, `stepUp` and `destroy` end it at once. Ask after calling those: the token is for the id that the client is about to get.
   * A new session is kept from then on. Throws `ERR_SESSION_COMMITTED` when it is too late for that, and
   * `ERR_SESSION_CONFIG` without `secrets`.
   */
  token(session: CsrfSession): Promise<string>
  /** The name of the form field. */
  readonly field: string
}

const allowed: CsrfVerdict = { allowed: true }
const modes: readonly CsrfMode[] = ['fetch-metadata', 'token', 'both']
const known: readonly (keyof CsrfSettings | 'mode' | 'secrets')[] = [
  'mode',
  'secrets',
  'origin',
  'trustedOrigins',
  'exempt',
  'sensitive',
  'field',
  'onEvent',
  'now',
]

/**
 * Protects against cross-site request forgery, login and WebSockets included (ASVS 3.5.1, 4.4.2). Throws
 * `ERR_SESSION_CONFIG` when an option is wrong.
 *
 * @example
 * const csrf = createCsrf()
 * const verdict = await csrf.check(request, session)
 * if (!verdict.allowed) return forbidden()
 */
export function createCsrf(options: CsrfOptions = {}): Csrf {
  const { mode = 'fetch-metadata', field = 'csrf', origin = null, trustedOrigins = [] } = options
  const { exempt = [], now = Date.now, sensitive = [] } = options
  const stranger = Object.keys(options).find((name) => !known.some((option) => option === name))
  checkOption(stranger === undefined, `options.${stranger}`, `is not known; there are ${known.join(', ')}`)
  checkOption(modes.includes(mode), 'mode', "must be 'fetch-metadata', 'token' or 'both'")
  checkOption(typeof field === 'string' && field !== '', 'field', 'must be the name of a form field')
  checkOption(Array.isArray(trustedOrigins), 'trustedOrigins', 'must be an array of origins')
  if (origin !== null) assertOrigin(origin, 'origin')
  for (const trusted of trustedOrigins) assertOrigin(trusted, 'trustedOrigins')
  const source = { origin, trusted: new Set(trustedOrigins) }
  const isExempt = exemptionOf(exempt)
  const isSensitive = sensitivityOf(sensitive)
  const onEvent = safely(options.onEvent ?? warnOfOrigin())
  const tokens = tokensOf(options, now, onEvent)

  async function judge(
    request: CsrfRequest,
    session: CsrfSessionSource,
    by: CsrfMode,
    readField: FieldReader,
  ): Promise<CsrfVerdict> {
    if (isExempt(request)) return allowed
    const reason =
      (by === 'token' ? null : await sourceReason(request, session)) ??
      (by === 'fetch-metadata' ? null : await tokenReason(request, session, readField))
    if (reason === null) return allowed
    const remedy = reason === 'cross-origin' ? originRemedy(request, source) : null
    const { id } = await loaded(session)
    onEvent({ type: 'csrf-denied', id, reason, ...described(request), remedy })
    return { allowed: false, reason, remedy }
  }

  async function sourceReason(request: CsrfRequest, session: CsrfSessionSource): Promise<SourceFault | null> {
    const fault = sourceFault(request, source)
    // Programs send neither header; but a program has no cookie that somebody else could make use of.
    return fault === 'no-origin' && isNobodys(await loaded(session)) ? null : fault
  }

  async function tokenReason(
    request: CsrfRequest,
    session: CsrfSessionSource,
    readField: FieldReader,
  ): Promise<'token-missing' | 'token-invalid' | null> {
    const { anchors } = await loaded(session)
    // Without a session no token can be valid, so strangers make nobody read a body.
    if (anchors.length === 0) return 'token-missing'
    const token = request.headers.get('x-csrf-token') ?? (await readField(request, field))
    if (typeof token !== 'string' || token === '') return 'token-missing'
    return (await tokens.verify(token, anchors)) ? null : 'token-invalid'
  }

  return {
    field,
    async check(request, session, { field: readField = formField } = {}) {
      if (!isSafe(request)) return judge(request, session, mode, readField)
      const matters = isWebSocketUpgrade(request) || isSensitive(request)
      return matters ? judge(request, session, 'fetch-metadata', formField) : allowed
    },
    verifyUpgrade: (request, session) => judge(request, session, 'fetch-metadata', formField),
    token: async (session) => tokens.issue(session.anchor()),
  }
}

/** The response to a denial: 403, and nothing that tells an attacker why. */
export function forbidden(): Response {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }
  return new Response('Forbidden', { status: 403, headers })
}

function tokensOf(
  { mode = 'fetch-metadata', secrets }: CsrfOptions,
  now: () => number,
  onEvent: OnEvent,
): CsrfTokens {
  const rule = 'are needed for tokens: those of the session manager will do'
  checkOption(secrets !== undefined || mode === 'fetch-metadata', 'secrets', rule)
  if (secrets !== undefined) {
    return createCsrfTokens(
      keyringOf(secrets, now, (error) => onEvent({ type: 'key-provider-failure', error })),
    )
  }
  return {
    async issue() {
      return checkOption(false, 'secrets', rule) as never
    },
    verify: async () => false,
  }
}

async function loaded(session: CsrfSessionSource): Promise<CsrfSession> {
  return typeof session === 'function' ? session() : session
}

/** Whether the request came with nothing that it could be abused for. */
function isNobodys({ isNew, userId }: CsrfSession): boolean {
  return isNew && userId === null
}

/** What an event says of a request: text from outside, made safe for a log (ASVS 16.4.1). */
function described({ headers, method }: CsrfRequest): {
  method: string
  site: string | null
  origin: string | null
} {
  const shown = (name: string): string | null => {
    const value = headers.get(name)
    return value === null ? null : printable(value)
  }
  return { method: printable(method), site: shown('sec-fetch-site'), origin: shown('origin') }
}

/** Without a hook, only the mistake that makes a site refuse its own users is said aloud, and once. */
function warnOfOrigin(): OnEvent {
  let warned = false
  return (event) => {
    if (event.type !== 'csrf-denied' || event.remedy === null || warned) return
    warned = true
    console.warn(`coatcheck: a ${event.method} from ${event.origin} was refused. ${event.remedy}`)
  }
}
