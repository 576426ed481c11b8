import type { CookiePolicy } from './cookie-options.ts'
import { describePolicy, inWords, type PolicyDescription } from './describe.ts'

/** Describes the policy of sessions that are sealed in their cookies. */
export function describeSealed(policy: CookiePolicy): PolicyDescription {
  const { audience, maxParts, revocable, strict } = policy
  const revocation = revocable ? ('store' as const) : ('none' as const)
  const data = {
    store: null,
    maxSessions: null,
    cache: null,
    sealed: { audience, maxParts, revocation, strict },
  }
  const sentences = [
    `The session itself is in the cookie, encrypted, in at most ${maxParts} parts${audience === '' ? '' : `, for the application ${audience}`}.`,
    ...(revocable ? aboutList(policy) : aboutNone(policy)),
    'Of changes at once the last one wins, in the browser.',
    'The sessions of a user cannot be listed, and a user may have any number of them.',
  ]
  if (strict) {
    sentences.splice(
      -2,
      1,
      `A write that another one was ahead of is refused, and ${inWords(policy.rotationGrace)} after a newer cookie was written an older one is refused, too.`,
    )
  }
  const described = describePolicy(policy, { data, sentences })
  if (revocable) return described
  // What is said of former ids holds only where a list ends them.
  return {
    ...described,
    sentences: described.sentences.filter((said) => !said.startsWith('After a rotation')),
  }
}

function aboutList({ lifetime }: CookiePolicy): string[] {
  return [
    'A store remembers which sessions have ended, and is asked at each request with a session: logout and revocation hold at once.',
    `It forgets a session when its limits have ended it, ${inWords(lifetime.absolute)} after its last login at the latest.`,
  ]
}

function aboutNone({ lifetime }: CookiePolicy): string[] {
  return [
    `Nothing can be revoked (revocation: 'none'): a cookie that was copied stays good until its limits, ${inWords(lifetime.idle)} after it was sealed, whatever logout, login and rotate() do.`,
  ]
}
