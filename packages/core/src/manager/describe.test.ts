import { describe, expect, test } from 'vitest'
import { memoryStore } from '../memory-store.ts'
import { nist } from '../session/nist.ts'
import type { Store } from '../store/store.ts'
import { describeStored } from './describe-stored.ts'
import { readStoreOptions, type SessionManagerOptions } from './store-options.ts'

const secret = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const older = 'pQ7vZx2mKs9Lr4TnWc6HbYd8JfGa3Ue5Oi1RtEwXq0z'
const plain: Store = {
  consistency: 'eventual',
  get: async () => null,
  set: async () => {},
  delete: async () => {},
}
const hour = 3_600_000

function describing(options: Partial<SessionManagerOptions<object>> = {}) {
  return describeStored(readStoreOptions({ secrets: [secret], store: memoryStore(), ...options }))
}

test('ASVS-7.1.1 the defaults, in words and in data', () => {
  const { data, sentences } = describing()
  expect(sentences).toEqual([
    'A session ends after 1 day without a visit, and at the latest 14 days after its last login, or after its beginning when nobody logged in.',
    'A visit is recorded when the last recorded one is 144 minutes ago or more, so a session may end that much earlier.',
    'The id changes with each login and each rotate(); it is not renewed unasked.',
    'After a rotation the old id leads on for 1 minute; its use after that ends the session. After a login it ends at once.',
    'No level of NIST SP 800-63B-4 is chosen, so the limits are compared with none.',
    'Over https the cookie is __Host-Http-sid with Path=/; Secure; HttpOnly; SameSite=Lax.',
    'Over plain http there is a cookie on loopback hosts only: sid with Path=/; HttpOnly; SameSite=Lax.',
    'The cookie ends with the browser, unless a login says remember: true, which keeps it until the absolute limit but at most 400 days.',
    'Forwarding headers are not believed.',
    'There is one secret: it signs and verifies.',
    'The store writes on a condition: no change is lost, and a session that was ended stays ended.',
    'What it writes is seen everywhere at once: so is the end of a session.',
    'It finds the sessions of a user, so they can be listed and ended together.',
    'A user may have any number of sessions.',
  ])
  expect(data).toEqual({
    lifetime: { idle: 24 * hour, absolute: 14 * 24 * hour, recordedEvery: 2.4 * hour, renewEvery: null },
    rotationGrace: 60_000,
    nist: null,
    cookie: {
      secure: { name: '__Host-Http-sid', attributes: ['Path=/', 'Secure', 'HttpOnly', 'SameSite=Lax'] },
      loopback: { name: 'sid', attributes: ['Path=/', 'HttpOnly', 'SameSite=Lax'] },
      persistent: false,
    },
    trustProxy: 0,
    secrets: 1,
    store: { atomic: true, userIndexed: true, consistency: 'immediate' },
    maxSessions: null,
    cache: null,
    sealed: null,
  })
})

test('ASVS-7.1.1 a policy with everything, in words', () => {
  const cookie = { domain: 'example.com', sameSite: 'None', persistent: true } as const
  const { data, sentences } = describing({
    secrets: [secret, older],
    lifetime: { ...nist.aal2, absolute: '36h', idle: '90m', renewEvery: '8h' },
    rotationGrace: '90s',
    cookie,
    trustProxy: 2,
    maxSessions: { limit: 3, onLimit: 'reject' },
  })
  expect(sentences).toEqual([
    'A session ends after 90 minutes without a visit, and at the latest 36 hours after its last login, or after its beginning when nobody logged in.',
    'A visit is recorded when the last recorded one is 9 minutes ago or more, so a session may end that much earlier.',
    'The id changes with each login and each rotate(), and is renewed at the first suitable request after 8 hours.',
    'After a rotation or renewal the old id leads on for 90 seconds; its use after that ends the session. After a login it ends at once.',
    'The policy is held to NIST SP 800-63B-4 2.2.3 (AAL2), with these deviations from what is advised (SHOULD).',
    'lifetime.absolute is 36 hours; at most 1 day is advised (NIST SP 800-63B-4 2.2.3).',
    'lifetime.idle is 90 minutes; at most 1 hour is advised (NIST SP 800-63B-4 2.2.3).',
    'cookie.persistent is true; a cookie that ends with the browser is advised (NIST SP 800-63B-4 5.1).',
    'cookie.name is __Secure-sid; the prefix __Host- and the path / are advised (NIST SP 800-63B-4 5.1.1).',
    'cookie.sameSite is None; Lax or Strict is advised (NIST SP 800-63B-4 5.1.1).',
    "NIST SP 800-63B-4 5.1 also demands a session identifier in the content of each POST: use the CSRF mode 'token' or 'both'.",
    'A login that says remember keeps its cookie when the browser closes, which 5.1 advises against.',
    'Over https the cookie is __Secure-sid with Path=/; Domain=example.com; Secure; HttpOnly; SameSite=None.',
    'Over plain http there is a cookie on loopback hosts only: sid with Path=/; HttpOnly; SameSite=Lax.',
    'The cookie is kept when the browser closes, until the absolute limit but at most 400 days, unless a login says remember: false.',
    'X-Forwarded-Proto is believed, as far as the last 2 proxies tell it.',
    'All hosts below example.com get the cookie, and can plant cookies.',
    'There are 2 secrets: one signs, and all verify until they retire.',
    'The store writes on a condition: no change is lost, and a session that was ended stays ended.',
    'What it writes is seen everywhere at once: so is the end of a session.',
    'It finds the sessions of a user, so they can be listed and ended together.',
    'A user may have 3 sessions; a further login is refused.',
  ])
  expect(data.lifetime).toMatchObject({ recordedEvery: 9 * 60_000, renewEvery: 8 * hour })
  expect(data.nist?.deviations.map(({ option }) => option)).toEqual([
    'lifetime.absolute',
    'lifetime.idle',
    'cookie.persistent',
    'cookie.name',
    'cookie.sameSite',
  ])
})

test('what a weaker store means for the end of a session is said', () => {
  const { data, sentences } = describing({ store: plain })
  expect(data.store).toEqual({ atomic: false, userIndexed: false, consistency: 'eventual' })
  expect(sentences).toEqual(
    expect.arrayContaining([
      'The store cannot write on a condition: of changes at once the last one wins, and a request on its way may bring back a session that was ended.',
      'What it writes may be unseen elsewhere for a while: there, a session that was ended goes on for that long.',
      'It has no index of users: the sessions of a user cannot be listed or ended together.',
    ]),
  )
})

describe.for([
  [1, nist.aal1],
  [2, nist.aal2],
  [3, nist.aal3],
] as const)('at AAL%i', ([level, preset]) => {
  test('ASVS-7.1.1 the preset deviates in nothing, and the CSRF mode that 63B-5.1 asks for is named', () => {
    const { data, sentences } = describing({ lifetime: preset })
    expect(data.nist).toEqual({ level, deviations: [] })
    expect(sentences).toContain(`The policy keeps to NIST SP 800-63B-4 2.${level}.3 (AAL${level}).`)
    expect(sentences.filter((sentence) => sentence.includes("the CSRF mode 'token' or 'both'"))).toHaveLength(
      1,
    )
  })

  test('ASVS-7.1.1 stricter limits are no deviation', () => {
    const { data } = describing({ lifetime: { ...preset, idle: '5m', absolute: '1h' } })
    expect(data.nist?.deviations).toEqual([])
  })
})

test.each([
  ['lifetime.absolute', '2.1.3', { ...nist.aal1, absolute: '31d', idle: '31d' }],
  ['lifetime.idle', '2.2.3', { ...nist.aal2, idle: '61m' }],
  ['lifetime.absolute', '2.2.3', { ...nist.aal2, absolute: '25h' }],
  ['lifetime.idle', '2.3.3', { ...nist.aal3, idle: '16m' }],
] as const)('ASVS-7.1.1 %s beyond what %s advises is a deviation', (option, clause, lifetime) => {
  const { deviations } = describing({ lifetime }).data.nist!
  expect(deviations).toEqual([expect.objectContaining({ option, clause })])
})

test('there is no secret in it', () => {
  const text = JSON.stringify(describing({ secrets: [secret, older] }))
  expect(text).not.toContain(secret.slice(0, 8))
  expect(text).not.toContain(older.slice(0, 8))
})

test('of secrets that nobody has asked the vault for, it says so', () => {
  const { data, sentences } = describing({ secrets: async () => [secret] })
  expect(data.secrets).toBe(0)
  expect(sentences).toContain('The secrets are loaded at the first use.')
})
