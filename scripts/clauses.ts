// What standards ask of sessions, and who provides it. SECURITY.md is written from here and from the names of tests:
// see conformance.ts. A name in backticks is one of our API, and has to be in the sources.

/** A clause of a standard. */
export interface Clause {
  /** As tests begin with it: `ASVS-7.2.4`. */
  readonly id: string
  readonly short: string
  /**
   * - `library`: it holds, whatever the application does
   * - `helps`: the application has to call or choose `by`
   * - `application`: only the application can do it; `by` may help
   * - `nobody`: it does not apply, because of `by`
   */
  readonly who: 'library' | 'helps' | 'application' | 'nobody'
  readonly by: string
}

/** The clauses of one standard, or of one of its chapters. */
export interface Chapter {
  readonly title: string
  readonly clauses: readonly Clause[]
}

const library = (id: string, short: string): Clause => ({ id, short, who: 'library', by: '' })
const helps = (id: string, short: string, by: string): Clause => ({ id, short, who: 'helps', by })
const application = (id: string, short: string, by = ''): Clause => ({ id, short, who: 'application', by })

/** Everything that is claimed, and what is not, in the order of the table. */
export const chapters: readonly Chapter[] = [
  {
    title: 'OWASP ASVS 5.0, V7 Session Management',
    clauses: [
      helps('ASVS-7.1.1', 'the limits of idle and whole time are documented', '`describe`, `nist`'),
      helps('ASVS-7.1.2', 'how many sessions a user may have is limited', '`maxSessions`'),
      helps('ASVS-7.1.3', 'ends together with the session at the identity provider', '`revokeByIdp`'),
      library('ASVS-7.2.1', 'tokens are verified by the server'),
      library('ASVS-7.2.2', 'tokens are made anew for each session; none is fixed'),
      library('ASVS-7.2.3', 'reference tokens are unique and random, of at least 128 bits'),
      library('ASVS-7.2.4', 'authentication gives a new token and ends the old one'),
      library('ASVS-7.3.1', 'a session ends when it was idle for too long'),
      library('ASVS-7.3.2', 'a session ends at its absolute limit'),
      library('ASVS-7.4.1', 'an ended session cannot be used again'),
      helps('ASVS-7.4.2', 'a disabled account has no sessions', '`revokeAll`, `revokeUser`'),
      helps('ASVS-7.4.3', 'other sessions can be ended after a change of password', '`revokeOthers`'),
      application('ASVS-7.4.4', 'every page that needs a login offers the logout', '`logout`'),
      helps('ASVS-7.4.5', 'administrators can end sessions of a user', '`revoke`, `revokeAll`'),
      helps('ASVS-7.5.1', 'who changes the account authenticates again', '`requireFresh`'),
      helps('ASVS-7.5.2', 'users see their sessions and can end them', '`createUserSessions`'),
      helps('ASVS-7.5.3', 'a further factor for what is highly sensitive', '`stepUp`, `requireFresh`'),
      helps(
        'ASVS-7.6.1',
        'a session is no older than the login at the identity provider allows',
        '`authTime`',
      ),
      library('ASVS-7.6.2', 'no session begins without an action of the application'),
    ],
  },
  {
    title: 'OWASP ASVS 5.0, other chapters',
    clauses: [
      library('ASVS-3.3.1', 'the cookie is `Secure`, and its name says so'),
      library('ASVS-3.3.2', 'the cookie has a `SameSite` that fits'),
      library('ASVS-3.3.3', 'the cookie is `__Host-` unless it is shared on purpose'),
      library('ASVS-3.3.4', 'the cookie is `HttpOnly`, and its value is in `Set-Cookie` only'),
      library('ASVS-3.3.5', 'name and value have at most 4096 bytes'),
      helps('ASVS-3.5.1', 'requests that other sites cause are refused', '`createCsrf`'),
      helps('ASVS-3.5.2', 'and the preflight of CORS cannot be got around', '`createCsrf`'),
      helps('ASVS-3.5.3', 'what changes something needs a method that is not safe', '`createCsrf`'),
      application('ASVS-3.5.8', 'what needs a login is embedded on purpose only'),
      library('ASVS-4.1.3', 'users cannot set the headers of proxies (`trustProxy` names these)'),
      library('ASVS-4.2.5', 'no header grows beyond what servers take'),
      helps('ASVS-4.4.2', 'the handshake of a WebSocket is checked for its origin', '`createCsrf`'),
      helps('ASVS-4.4.3', 'WebSockets use the session of the application', '`load`'),
      helps('ASVS-4.4.4', 'which was begun over https', '`load`'),
      library('ASVS-9.1.1', 'the proof of a token is verified before anything else'),
      library('ASVS-9.1.2', 'the algorithm is fixed, and not the choice of the token'),
      library('ASVS-9.1.3', 'keys come from the configuration only'),
      library('ASVS-9.2.1', 'a token is valid for a time'),
      library('ASVS-9.2.2', 'a token is valid for its purpose only'),
      helps('ASVS-9.2.3', 'a token is valid for its application only', '`secrets`, `cookie`, `audience`'),
      helps('ASVS-9.2.4', 'also where applications share a key', '`cookie`, `audience`'),
      helps('ASVS-11.1.1', 'keys have a life from staging to retirement', '`notBefore`, `retireAfter`'),
      library('ASVS-11.2.1', 'cryptography is the runtime’s own'),
      library('ASVS-11.2.2', 'a key can be changed without a loss'),
      library('ASVS-11.2.3', 'at least 128 bits of strength'),
      library('ASVS-11.2.4', 'secrets are compared in constant time'),
      library('ASVS-11.2.5', 'cryptography fails closed, and tells nothing by the way it fails'),
      library('ASVS-11.3.1', 'no weak block modes and paddings'),
      library('ASVS-11.3.2', 'approved ciphers'),
      library('ASVS-11.3.3', 'authenticated encryption'),
      library('ASVS-11.3.4', 'no nonce is used twice with one key'),
      library('ASVS-11.3.5', 'encrypt, then MAC'),
      library('ASVS-11.4.1', 'approved hash functions'),
      library('ASVS-11.4.3', 'of at least 256 bits'),
      library('ASVS-11.5.1', 'random values are secure, and no UUIDs'),
      library('ASVS-11.5.2', 'also under load'),
      library('ASVS-11.6.1', 'keys are derived and proofs made by approved algorithms'),
      helps('ASVS-13.3.1', 'secrets come from a vault; guessable ones are refused', '`secrets`'),
      helps('ASVS-13.3.4', 'secrets expire and are replaced', '`retireAfter`'),
      library('ASVS-14.2.1', 'no token is in a URL'),
      library('ASVS-14.2.2', 'nothing personal is kept by servers on the way'),
      library('ASVS-14.2.5', 'nothing personal is kept by shared caches'),
      helps('ASVS-14.3.1', 'the browser’s data are cleared at the end', '`logout`, `clearSiteData`'),
      library('ASVS-14.3.2', 'what sets the cookie is `no-store`'),
      library('ASVS-14.3.3', 'the browser keeps nothing but the token'),
      library('ASVS-16.2.5', 'no credential is in an event'),
      helps('ASVS-16.3.1', 'authentications are logged', '`onEvent`'),
      application('ASVS-16.3.2', 'failed authorizations are logged'),
      helps('ASVS-16.3.3', 'attempts to get around a control are logged', '`onEvent`'),
      helps('ASVS-16.3.4', 'failures of the store are logged', '`onEvent`'),
      library('ASVS-16.4.1', 'no client can forge a line of the log'),
      library('ASVS-16.5.3', 'a failing store is an error and opens nothing'),
    ],
  },
  {
    title: 'NIST SP 800-63B-4',
    clauses: [
      helps('NIST-2.1.3', 'AAL1: sessions end after 30 days', '`nist`'),
      helps('NIST-2.2.3', 'AAL2: after 24 hours, or one of inactivity', '`nist`'),
      helps('NIST-2.3.3', 'AAL3: after 12 hours, or 15 minutes of inactivity', '`nist`'),
      library('NIST-5.1', 'the secret is random, and made by the server when the user authenticates'),
      library('NIST-5.1-browser', 'it does not outlive the browser unless asked to (`remember`)'),
      library('NIST-5.1-remember', 'a remembered session keeps to its limits all the same'),
      library('NIST-5.1-end', 'it is worthless after the logout, and never sent over plain http'),
      library('NIST-5.1-aal', 'a session has no higher level than its authentication reached'),
      helps('NIST-5.1-csrf', 'content that is posted proves its session', '`createCsrf`'),
      library('NIST-5.1.1', 'the cookie is opaque, for https, one host, and no script'),
      library('NIST-5.2', 'activity moves the idle limit only; a login starts both anew'),
    ],
  },
  {
    title: 'RFC 6265bis',
    clauses: [
      library('RFC6265bis-4.1.1', 'the grammar of `Set-Cookie`'),
      library('RFC6265bis-4.1.2', 'a deletion repeats the attributes'),
      library('RFC6265bis-4.1.2.2', '`Max-Age` and `Expires` agree'),
      library('RFC6265bis-4.1.2.3', '`Domain` is a registrable name, or absent'),
      library('RFC6265bis-4.1.2.4', '`Path` is set'),
      library('RFC6265bis-4.1.2.5', '`Secure` is set but on a loopback host'),
      library('RFC6265bis-4.1.2.6', '`HttpOnly` is always set'),
      library('RFC6265bis-4.1.2.7', '`SameSite` is set, whatever its value'),
      library('RFC6265bis-4.1.3', 'a prefix comes with what it demands'),
      library('RFC6265bis-4.2.1', 'the grammar of `Cookie`'),
      library('RFC6265bis-4.2.2', 'the order of cookies means nothing'),
      library('RFC6265bis-5.4', 'names are told apart by their case'),
      library('RFC6265bis-5.5', 'a cookie lives for at most 400 days'),
      library('RFC6265bis-5.6', 'pairs are split and trimmed as browsers do'),
      library('RFC6265bis-5.7', 'browsers store what is sent; what they would refuse cannot be configured'),
      library('RFC6265bis-6.1', 'limits of size and number'),
      library('RFC6265bis-8.4', 'nobody can fix the session of another'),
      application('RFC6265bis-8.5', 'cookies are shared by all ports of a host'),
      library('RFC6265bis-8.6', 'a sibling domain cannot put its cookie in the place of ours'),
    ],
  },
  {
    title: 'Caching: RFC 9111 and RFC 9213',
    clauses: [
      library('RFC9111-4.1', 'personal responses vary by `Cookie`'),
      library('RFC9111-4.3.4', 'a 304, which caches merge into what they keep, carries no cookie'),
      library('RFC9111-5.2.2', 'what was stricter stays so, and what no visitor changed stays cacheable'),
      library('RFC9111-7.3', 'what sets the cookie is stored by no cache'),
      library('RFC9213-2', 'also by none that has a field of its own'),
    ],
  },
  {
    title: 'OWASP Cheat Sheets',
    clauses: [
      library('CSC-name', 'the name of the cookie does not tell the library'),
      library('CSC-strict', 'an id that the server did not make is never adopted'),
      library('CSC-input', 'a token is checked for its form before it reaches a store'),
      library('CSC-store', 'a copy of the store gives no session'),
      library('CSC-reuse', 'an id that was replaced ends its session when it comes back'),
      helps('CSC-renewal', 'the id changes from time to time', '`renewEvery`'),
    ],
  },
]

/** All clauses by their id. */
export const clauses: ReadonlyMap<string, Clause> = new Map(
  chapters.flatMap((chapter) => chapter.clauses.map((clause) => [clause.id, clause])),
)
