import { isAtomic, isUserIndexed } from '../store/store.ts'
import { describePolicy, inWords, plural, type PolicyData, type PolicyDescription } from './describe.ts'
import { snapshotCookie } from './snapshot-cookie.ts'
import type { StorePolicy } from './store-options.ts'

/** Describes the policy of sessions in a store. */
export function describeStored(policy: StorePolicy): PolicyDescription {
  const { cacheFor, cookies, maxSessions, store } = policy
  const data = {
    store: {
      atomic: isAtomic(store),
      userIndexed: isUserIndexed(store),
      consistency: store.consistency ?? ('immediate' as const),
    },
    maxSessions,
    cache: cacheFor === 0 ? null : { for: cacheFor, ...snapshotNames(cookies) },
    sealed: null,
  }
  const sentences = [...aboutStore(data.store), ...aboutCache(data), aboutLimit(data)]
  return describePolicy(policy, { data, sentences })
}

function snapshotNames({ loopback, secure }: StorePolicy['cookies']): { secure: string; loopback: string } {
  return { secure: snapshotCookie(secure).name, loopback: snapshotCookie(loopback).name }
}

function aboutStore({ atomic, consistency, userIndexed }: NonNullable<PolicyData['store']>): string[] {
  return [
    atomic
      ? 'The store writes on a condition: no change is lost, and a session that was ended stays ended.'
      : 'The store cannot write on a condition: of changes at once the last one wins, and a request on its way may bring back a session that was ended.',
    consistency === 'immediate'
      ? 'What it writes is seen everywhere at once: so is the end of a session.'
      : 'What it writes may be unseen elsewhere for a while: there, a session that was ended goes on for that long.',
    userIndexed
      ? 'It finds the sessions of a user, so they can be listed and ended together.'
      : 'It has no index of users: the sessions of a user cannot be listed or ended together.',
  ]
}

function aboutCache({ cache }: Pick<PolicyData, 'cache'>): string[] {
  if (cache === null) return []
  const span = inWords(cache.for)
  return [
    `For ${span} after the store was asked, reads are answered from a sealed snapshot in the cookie ${cache.secure} (on loopback ${cache.loopback}), without asking the store.`,
    `So a session that is ended or changed elsewhere goes on as it was for up to ${span}, and longer by what the clocks of servers differ; what this client does itself holds at once, and load(request, { fresh: true }) asks the store.`,
    'Changes are written to the store at once, over what is newest there.',
    `A visit that a snapshot answers is not recorded, so a session may end up to another ${span} earlier.`,
  ]
}

function aboutLimit({ maxSessions }: Pick<PolicyData, 'maxSessions'>): string {
  if (maxSessions === null) return 'A user may have any number of sessions.'
  const { limit, onLimit } = maxSessions
  const end = onLimit === 'reject' ? 'a further login is refused' : 'a further login ends the oldest'
  return `A user may have ${plural(limit, 'session')}; ${end}.`
}
