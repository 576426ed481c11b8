import type { RejectionReason, SessionEvent } from '@coatcheck/core'
import type { Mode } from './mode.ts'

const refusals: Record<RejectionReason, string> = {
  malformed: 'it does not look like one of ours',
  forged: 'none of our secrets made its proof, and the store was not even asked',
  ambiguous: 'several valid tickets came at once, and choosing one would be guessing',
  oversized: 'the Cookie header is too long to be read',
  unknown: 'its record is gone, ended or swept away',
  expired: 'its time is over',
  superseded: 'a sign-in ended that number',
  reused: 'its number had been changed long before',
  schema: 'the stored data no longer fit what the application expects',
  unreadable: 'the stored record is damaged',
  revoked: 'it was ended, or all sessions of its user were',
  replayed: 'a newer ticket has taken its place',
}

/** An event as one sentence. */
export function explain(event: SessionEvent, mode: Mode): string {
  const isSealed = mode === 'cookie'
  switch (event.type) {
    case 'rejected':
      return `The ticket was turned away: ${refusals[event.reason]}. A new session begins.`
    case 'created':
      return isSealed
        ? `First write: the session ${short(event.id)} was sealed into its cookie.`
        : `First write: the record ${short(event.id)} now exists, and the browser gets its ticket.`
    case 'updated':
      return `${short(event.id)} was ${isSealed ? 'sealed anew' : 'written'}, with changes in: ${event.keys.join(', ') || 'its times only'}.`
    case 'touched':
      return `${short(event.id)} was ${isSealed ? 'sealed anew' : 'written'}, with nothing but the time of this visit.`
    case 'login':
      return event.previous === null
        ? `${event.userId} signed in, and the session ${short(event.id)} began.`
        : `${event.userId} signed in: ${short(event.previous)} became ${short(event.id)}, the old ticket ended at once.`
    case 'step-up':
      return `${event.userId} gave a further proof, and ${short(event.previous ?? event.id)} became ${short(event.id)}.`
    case 'act-as':
      return `${event.actor} goes on as ${event.userId}, under the new number ${short(event.id)}.`
    case 'stop-acting':
      return `${event.userId} stopped acting as somebody else, and got the number ${short(event.id)}.`
    case 'rotated':
      return `New number: ${short(event.previous)} became ${short(event.id)}; the old ticket is honoured a little longer.`
    case 'renewed':
      return `The number had its time: ${short(event.previous)} became ${short(event.id)}.`
    case 'destroyed':
      return `The session ${short(event.id)} was ended: ${isSealed ? 'the store knows' : 'record deleted'}, cookie taken back.`
    case 'revoked':
      return `The session ${short(event.id)} was ended from elsewhere (${event.by}).`
    case 'user-revoked':
      return `${event.by === 'all' ? 'All sessions' : 'The other sessions'} of the user were ended, whatever cookies are still about.`
    case 'imported':
      return `The session ${short(event.id)} was taken over from ${event.library}.`
    case 'csrf-denied':
      return `A ${event.method} that another site may have caused was refused.`
    case 'reused':
      return `The long-changed number ${short(event.id)} came back, a sign of theft: its whole session was ended.`
    case 'gone':
      return `The session ${short(event.id)} ended while this request ran: nothing was written.`
    case 'conflict':
      return `Another request wrote ${short(event.id)} first: the changes were replayed on its result (try ${event.attempt}).`
    case 'old-key':
      return `The ticket of ${short(event.id)} was signed by an older secret (number ${event.index}); it was renewed.`
    case 'insecure':
      return `No cookie was read or set, because this transport is not safe. ${event.remedy}`
    case 'withheld':
      return `The answer was a 304, which cannot carry a cookie: “${event.change}” was left undone.`
    case 'store-failure':
      return `The store failed at “${event.operation}”.`
    case 'key-provider-failure':
      return 'The secrets could not be fetched anew; those at hand are still used.'
    case 'last-write-wins':
      return event.consistency === 'eventual'
        ? 'Note at start-up: Workers KV is eventually consistent, and the last of two parallel writes wins.'
        : 'Note at start-up: in this store the last of two parallel writes wins.'
  }
}

/** Enough of an id to recognise it. */
function short(id: string): string {
  return `${id.slice(0, 6)}…`
}
