import type { SessionCookie } from '../cookie/session-cookie.ts'
import type { Transport } from '../cookie/transport.ts'
import type { TokenSigner } from '../crypto/token-signer.ts'
import { deadlineOf, type Lifetime } from '../session/lifetime.ts'
import type { SessionState } from '../session/state.ts'
import type { SessionHeaders } from './session-headers.ts'

/** The cookie of one kind of transport, and who signs it. */
export interface Carrier {
  readonly cookie: SessionCookie
  readonly signer: TokenSigner
}

/** One request between load and commit. */
export interface Visit {
  readonly state: SessionState
  readonly transport: Transport
  /** Null where no cookie can be read or set. */
  readonly carrier: Carrier | null
  /** Whether the request brought a cookie of ours, of whatever worth. */
  presented: boolean
  /** Whether an older secret signed the cookie. */
  oldKey: boolean
  /** Whether there is no response, as after `reload`. */
  readonly detached: boolean
  committed?: Promise<SessionHeaders>
}

/** The `Set-Cookie` value with which a commit ends; null when the cookie stays as it is. `changed`: there is a new id. */
export async function cookieField(
  { oldKey, presented, state }: Visit,
  { cookie, signer }: Carrier,
  changed: boolean,
  lifetime: Lifetime,
): Promise<string | null> {
  const { destroy, now: from, origin, viaGrace } = state
  if (origin === null) return destroy && presented ? cookie.remove() : null
  if (!changed && (!oldKey || viaGrace)) return null
  const until = deadlineOf({ ...origin.record, seenAt: Infinity }, lifetime)
  return cookie.set(await signer.issue(origin.id), { from, until }, origin.record.auth?.remember)
}
