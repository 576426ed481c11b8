import { expect, test } from 'vitest'
import { revocationStore } from '../backend/revocation.ts'
import { memoryStore } from '../memory-store.ts'
import { readCookieOptions, type CookieSessionManagerOptions } from './cookie-options.ts'
import { describeSealed } from './describe-sealed.ts'

const secret = 'Zm9yIHRlc3RzIG9ubHk6IG5vIHJlYWwga2V5IQ-2026'
const older = 'pQ7vZx2mKs9Lr4TnWc6HbYd8JfGa3Ue5Oi1RtEwXq0z'
const hour = 3_600_000

function describing(options: Partial<CookieSessionManagerOptions<object>> = {}) {
  const revocation = revocationStore(memoryStore())
  return describeSealed(readCookieOptions({ secrets: [secret], revocation, ...options }))
}

test('ASVS-7.1.1 sealed sessions with a revocation store, in words and in data', () => {
  const { data, sentences } = describing()
  expect(sentences).toEqual([
    'A session ends after 1 day without a visit, and at the latest 14 days after its last login, or after its beginning when nobody logged in.',
    'A visit is recorded when the last recorded one is 12 hours ago or more, so a session may end that much earlier.',
    'The id changes with each login and each rotate(); it is not renewed unasked.',
    'After a rotation the old id leads on for 1 minute; its use after that ends the session. After a login it ends at once.',
    'No level of NIST SP 800-63B-4 is chosen, so the limits are compared with none.',
    'Over https the cookie is __Host-Http-sid with Path=/; Secure; HttpOnly; SameSite=Lax.',
    'Over plain http there is a cookie on loopback hosts only: sid with Path=/; HttpOnly; SameSite=Lax.',
    'The cookie ends with the browser, unless a login says remember: true, which keeps it until the absolute limit but at most 400 days.',
    'Forwarding headers are not believed.',
    'There is one secret: it signs and verifies.',
    'The session itself is in the cookie, encrypted, in at most 4 parts.',
    'A store remembers which sessions have ended, and is asked at each request with a session: logout and revocation hold at once.',
    'It forgets a session when its limits have ended it, 14 days after its last login at the latest.',
    'Of changes at once the last one wins, in the browser.',
    'The sessions of a user cannot be listed, and a user may have any number of them.',
  ])
  expect(data).toMatchObject({
    lifetime: { idle: 24 * hour, absolute: 14 * 24 * hour, recordedEvery: 12 * hour, renewEvery: null },
    rotationGrace: 60_000,
    secrets: 1,
    store: null,
    maxSessions: null,
    cache: null,
    sealed: { audience: '', maxParts: 4, revocation: 'store', strict: false },
  })
})

test('ASVS-7.1.1 without a revocation store: it says what does not hold, and claims nothing that needs one', () => {
  const { data, sentences } = describing({ revocation: 'none', lifetime: { idle: '2h' } })
  expect(data.sealed).toEqual({ audience: '', maxParts: 4, revocation: 'none', strict: false })
  expect(sentences.slice(-4)).toEqual([
    'The session itself is in the cookie, encrypted, in at most 4 parts.',
    "Nothing can be revoked (revocation: 'none'): a cookie that was copied stays good until its limits, 2 hours after it was sealed, whatever logout, login and rotate() do.",
    'Of changes at once the last one wins, in the browser.',
    'The sessions of a user cannot be listed, and a user may have any number of them.',
  ])
  const text = sentences.join('\n')
  for (const claim of ['ends the session', 'it ends at once', 'hold at once'])
    expect(text).not.toContain(claim)
})

test('ASVS-7.1.1 strict, for an application, with everything else', () => {
  const { data, sentences } = describing({
    secrets: [secret, older],
    strict: true,
    audience: 'shop',
    cookie: { sameSite: 'None', partitioned: true },
    rotationGrace: '90s',
    lifetime: { renewEvery: '8h' },
  })
  expect(data.sealed).toEqual({ audience: 'shop', maxParts: 2, revocation: 'store', strict: true })
  expect(sentences.slice(-5)).toEqual([
    'The session itself is in the cookie, encrypted, in at most 2 parts, for the application shop.',
    'A store remembers which sessions have ended, and is asked at each request with a session: logout and revocation hold at once.',
    'It forgets a session when its limits have ended it, 14 days after its last login at the latest.',
    'A write that another one was ahead of is refused, and 90 seconds after a newer cookie was written an older one is refused, too.',
    'The sessions of a user cannot be listed, and a user may have any number of them.',
  ])
  expect(sentences).toContain(
    'After a rotation or renewal the old id leads on for 90 seconds; its use after that ends the session. After a login it ends at once.',
  )
  expect(sentences.join('\n')).not.toContain('last one wins')
})

test('no secret is in it', () => {
  const text = JSON.stringify(describing({ secrets: [secret, older] }))
  for (const hidden of [secret, older, secret.slice(0, 16), older.slice(-16)])
    expect(text).not.toContain(hidden)
})
