import type { SessionCookie } from '../cookie/session-cookie.ts'
import { parseDuration } from '../session/lifetime.ts'
import { nist, type NistLevel } from '../session/nist.ts'
import type { Policy } from './options.ts'
import type { MaxSessions } from './store-options.ts'

/** The effective policy, in words and in data (ASVS 7.1.1). There is no secret in it. */
export interface PolicyDescription {
  /** The policy in plain English. */
  readonly sentences: readonly string[]
  readonly data: PolicyData
}

/** The policy in data. Times in milliseconds. */
export interface PolicyData {
  readonly lifetime: {
    readonly idle: number
    readonly absolute: number
    /** How long after a recorded visit the next one is recorded. */
    readonly recordedEvery: number
    /** How long an id is used before it is renewed unasked, or null. */
    readonly renewEvery: number | null
  }
  readonly rotationGrace: number
  /** The level that the policy is held to, and in what it deviates from it; null when none was chosen. */
  readonly nist: { readonly level: NistLevel; readonly deviations: readonly NistDeviation[] } | null
  readonly cookie: {
    readonly secure: CookieDescription
    readonly loopback: CookieDescription
    /** Whether the cookie outlives the browser when a login does not say. */
    readonly persistent: boolean
  }
  readonly trustProxy: number
  /** How many secrets there are; 0 before a provider has been asked. */
  readonly secrets: number
  /** What the store can do; null where the sessions are sealed in their cookies. */
  readonly store: StoreDescription | null
  readonly maxSessions: MaxSessions | null
  /** How long a snapshot answers for the store, and in which cookies it is; null without. */
  readonly cache: { readonly for: number; readonly secure: string; readonly loopback: string } | null
  /** How the sessions are sealed in their cookies; null where they are in a store. */
  readonly sealed: SealedDescription | null
}

/** What a store can do. */
export interface StoreDescription {
  readonly atomic: boolean
  readonly userIndexed: boolean
  readonly consistency: 'immediate' | 'eventual'
}

/** How sessions are sealed in their cookies. */
export interface SealedDescription {
  readonly audience: string
  /** The most cookies that one session takes. */
  readonly maxParts: number
  readonly revocation: 'store' | 'none'
  readonly strict: boolean
}

/** The part of a description that tells where the sessions are kept. */
export interface KeepingDescription {
  readonly data: Pick<PolicyData, 'cache' | 'maxSessions' | 'sealed' | 'store'>
  readonly sentences: readonly string[]
}

/** A cookie as it is set when it ends with the browser. */
export interface CookieDescription {
  readonly name: string
  readonly attributes: readonly string[]
}

/** Something that NIST SP 800-63B-4 advises against (SHOULD). */
export interface NistDeviation {
  readonly option: string
  readonly clause: string
  /** What it is, and what is advised: the rest of a sentence that begins with the option. */
  readonly detail: string
}

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** Describes a policy that has been checked. `keeping` tells where its sessions are kept. */
export function describePolicy(policy: Policy, keeping: KeepingDescription): PolicyDescription {
  const { keyring, rotationGrace, trustProxy } = policy
  const { absolute, idle, nist: level, recordEvery, renewEvery } = policy.lifetime
  const renewal = renewEvery === Infinity ? null : renewEvery
  const data: PolicyData = {
    lifetime: { idle, absolute, recordedEvery: recordEvery, renewEvery: renewal },
    rotationGrace,
    nist: level === null ? null : { level, deviations: deviationsFrom(level, policy) },
    cookie: {
      secure: describeCookie(policy.cookies.secure),
      loopback: describeCookie(policy.cookies.loopback),
      persistent: isPersistent(policy.cookies.secure),
    },
    trustProxy,
    secrets: keyring.keyUse().length,
    ...keeping.data,
  }
  return {
    data,
    sentences: [
      ...aboutTime(data),
      ...aboutNist(data),
      ...aboutCookie(data),
      aboutSecrets(data),
      ...keeping.sentences,
    ],
  }
}

function deviationsFrom(level: NistLevel, { cookies: { secure }, lifetime }: Policy): NistDeviation[] {
  const deviations: NistDeviation[] = []
  // At AAL1 the clause leaves the idle limit to the application.
  for (const limit of level === 1 ? (['absolute'] as const) : (['absolute', 'idle'] as const)) {
    const most = parseDuration(nist[`aal${level}`][limit], limit)
    if (lifetime[limit] <= most) continue
    const detail = `is ${inWords(lifetime[limit])}; at most ${inWords(most)} is advised`
    deviations.push({ option: `lifetime.${limit}`, clause: `2.${level}.3`, detail })
  }
  const advise = (option: string, clause: string, detail: string): void => {
    deviations.push({ option: `cookie.${option}`, clause, detail })
  }
  if (isPersistent(secure)) {
    advise('persistent', '5.1', 'is true; a cookie that ends with the browser is advised')
  }
  if (!secure.name.startsWith('__Host-')) {
    advise('name', '5.1.1', `is ${secure.name}; the prefix __Host- and the path / are advised`)
  }
  if (describeCookie(secure).attributes.includes('SameSite=None')) {
    advise('sameSite', '5.1.1', 'is None; Lax or Strict is advised')
  }
  return deviations
}

function describeCookie(cookie: SessionCookie): CookieDescription {
  const [, ...attributes] = cookie.set('', { from: 0, until: 0 }, false).split('; ')
  return { name: cookie.name, attributes }
}

function isPersistent(cookie: SessionCookie): boolean {
  return cookie.set('', { from: 0, until: 0 }) !== cookie.set('', { from: 0, until: 0 }, false)
}

function aboutTime({ lifetime, rotationGrace }: PolicyData): string[] {
  const { absolute, idle, recordedEvery, renewEvery } = lifetime
  return [
    `A session ends after ${inWords(idle)} without a visit, and at the latest ${inWords(absolute)} after its last login, or after its beginning when nobody logged in.`,
    `A visit is recorded when the last recorded one is ${inWords(recordedEvery)} ago or more, so a session may end that much earlier.`,
    renewEvery === null
      ? 'The id changes with each login and each rotate(); it is not renewed unasked.'
      : `The id changes with each login and each rotate(), and is renewed at the first suitable request after ${inWords(renewEvery)}.`,
    `After a ${renewEvery === null ? 'rotation' : 'rotation or renewal'} the old id leads on for ${inWords(rotationGrace)}; its use after that ends the session. After a login it ends at once.`,
  ]
}

function aboutNist({ nist: chosen }: PolicyData): string[] {
  if (chosen === null)
    return ['No level of NIST SP 800-63B-4 is chosen, so the limits are compared with none.']
  const { deviations, level } = chosen
  const clause = `NIST SP 800-63B-4 2.${level}.3`
  return [
    deviations.length === 0
      ? `The policy keeps to ${clause} (AAL${level}).`
      : `The policy is held to ${clause} (AAL${level}), with these deviations from what is advised (SHOULD).`,
    ...deviations.map(({ clause, detail, option }) => `${option} ${detail} (NIST SP 800-63B-4 ${clause}).`),
    "NIST SP 800-63B-4 5.1 also demands a session identifier in the content of each POST: use the CSRF mode 'token' or 'both'.",
    'A login that says remember keeps its cookie when the browser closes, which 5.1 advises against.',
  ]
}

function aboutCookie({ cookie, trustProxy }: PolicyData): string[] {
  const { loopback, persistent, secure } = cookie
  const domain = secure.attributes.find((attribute) => attribute.startsWith('Domain='))
  const sentences = [
    `Over https the cookie is ${secure.name} with ${secure.attributes.join('; ')}.`,
    `Over plain http there is a cookie on loopback hosts only: ${loopback.name} with ${loopback.attributes.join('; ')}.`,
    persistent
      ? 'The cookie is kept when the browser closes, until the absolute limit but at most 400 days, unless a login says remember: false.'
      : 'The cookie ends with the browser, unless a login says remember: true, which keeps it until the absolute limit but at most 400 days.',
    trustProxy === 0
      ? 'Forwarding headers are not believed.'
      : `X-Forwarded-Proto is believed, as far as the last ${trustProxy === 1 ? 'proxy' : `${trustProxy} proxies`} tell it.`,
  ]
  if (domain === undefined) return sentences
  return [...sentences, `All hosts below ${domain.slice(7)} get the cookie, and can plant cookies.`]
}

function aboutSecrets({ secrets }: PolicyData): string {
  if (secrets === 0) return 'The secrets are loaded at the first use.'
  return secrets === 1
    ? 'There is one secret: it signs and verifies.'
    : `There are ${secrets} secrets: one signs, and all verify until they retire.`
}

/** A span of time in the largest unit that needs no fraction: '30 minutes'. */
export function inWords(span: number): string {
  const [unit, size] = units.find(([, size]) => span % size === 0) ?? ['millisecond', 1]
  return plural(span / size, unit)
}

/** '1 session', '2 sessions'. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
