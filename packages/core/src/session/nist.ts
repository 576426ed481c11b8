/** An authenticator assurance level of NIST SP 800-63B-4. */
export type NistLevel = 1 | 2 | 3

/**
 * The lifetimes of NIST SP 800-63B-4, one for each assurance level: `lifetime: nist.aal2`, or with a limit of your
 * own `{ ...nist.aal2, idle: '30m' }`. A limit that the clause forbids (SHALL) is refused; one that it advises against
 * (SHOULD) is taken, and shows in `describe()`.
 *
 * None renews the id on its own: no clause asks for it, and a client that misses the response with its new id is signed
 * out by the first use of the old one after the grace window. Add `renewEvery` where noticing a theft is worth that.
 */
export const nist = {
  /** 30 days in all; the clause asks for no idle limit (2.1.3). */
  aal1: { nist: 1, idle: '30d', absolute: '30d' },
  /** 24 hours in all, an hour without a visit (2.2.3). */
  aal2: { nist: 2, idle: '1h', absolute: '24h' },
  /** 12 hours in all, which must not be exceeded, and 15 minutes without a visit (2.3.3). */
  aal3: { nist: 3, idle: '15m', absolute: '12h' },
} as const
