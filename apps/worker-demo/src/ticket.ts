import type { SessionId } from '@coatcheck/core'
import type { Context } from 'hono'
import type { Mode } from './mode.ts'
import { octetsOf, sentCookies, setCookies, type CookiePair } from './session-cookies.ts'

/** The session's cookies, without the part of their values that makes them credentials. */
export interface Ticket {
  readonly name: string
  readonly id: SessionId
  /**
   * The first characters only; null for a sealed session, which has no proof. The cookie is HttpOnly so that page
   * scripts cannot read it, and a page can.
   */
  readonly proofStart: string | null
  readonly isNew: boolean
  readonly attributes: readonly string[]
  /** All cookies of the session together. */
  readonly octets: number
  /** Of them, those of the snapshot; 0 without one. */
  readonly snapshotOctets: number
}

/** The cookies that the browser will hold after this response. */
export function ticketOf(c: Context, id: SessionId, mode: Mode): Ticket | null {
  const handedOut = setCookies(c)
  const held = heldAfter(
    sentCookies(c),
    handedOut.map(({ pair }) => pair),
  )
  const isTicket = (pair: CookiePair): boolean =>
    mode === 'cookie' ? /^[^=]*sid=./.test(pair) : pair.includes(`=${id}.`)
  const ticket = held.find(isTicket)
  if (ticket === undefined) return null
  const [name = '', value = ''] = ticket.split('=')
  const told = handedOut.find(({ pair }) => pair === ticket)
  return {
    name,
    id,
    proofStart: mode === 'cookie' ? null : value.slice(id.length + 1).slice(0, 4),
    isNew: told !== undefined,
    // A browser sends back name and value only; these are the attributes it was told when the ticket was new.
    attributes: told?.attributes ?? [
      'Path=/',
      ...(name.startsWith('__Host-') ? ['Secure'] : []),
      'HttpOnly',
      'SameSite=Lax',
    ],
    octets: octetsOf(held),
    snapshotOctets: octetsOf(held.filter((pair) => /^[^=]*-cache/.test(pair))),
  }
}

/** What was sent, with what is set in its place; an empty value takes a cookie away. */
function heldAfter(sent: readonly CookiePair[], set: readonly CookiePair[]): CookiePair[] {
  const nameOf = (pair: CookiePair): string => pair.slice(0, pair.indexOf('='))
  const replaced = new Set(set.map(nameOf))
  return [...set, ...sent.filter((pair) => !replaced.has(nameOf(pair)))].filter((pair) => !pair.endsWith('='))
}
