import { describe, expect, test } from 'vitest'
import { adapters } from '../support/adapters.ts'
import { playOrder, seeded, type Outcome } from '../support/cache-world.ts'
import { cacheProfiles, sharedCache, type CacheProfile } from '../support/shared-cache.ts'
import type { Server } from '../support/visits.ts'

const orders = 1000
const profiles = Object.entries(cacheProfiles)

describe('ASVS-14.2.2 ASVS-14.2.5 RFC9111-7.3 two users behind a shared cache', () => {
  test.for(Object.entries(adapters))(
    `never receive the other’s body or cookie, in ${orders} random orders: %s`,
    { timeout: 120_000 },
    async ([, mount]) => {
      const hits = new Map(profiles.map(([name]) => [name, 0]))
      for (let seed = 0; seed < orders; seed++) {
        const [name, profile] = profiles[seed % profiles.length]!
        const outcome = await playOrder(mount, profile, seeded(seed))
        expect(outcome.leaks, `seed ${seed}, ${name}`).toEqual([])
        hits.set(name, hits.get(name)! + outcome.hits)
      }
      // Who touches no session stays cacheable, in every one of these caches.
      for (const [name, count] of hits) expect(count, name).toBeGreaterThan(10)
    },
  )
})

describe('the shared cache finds', () => {
  /** What an adapter might forget. */
  const slips: Readonly<Record<string, { profile: CacheProfile; tamper: (headers: Headers) => void }>> = {
    'a response with a cookie that is not no-store': {
      profile: {},
      tamper: replaced('no-store', 'public, max-age=60'),
    },
    'a response with a cookie that is only private, beside no-store with must-understand': {
      profile: { mustUnderstand: true },
      tamper: replaced('private', ''),
    },
    'a read session that is not private': { profile: {}, tamper: replaced('private', '') },
    'a read session that is not private, in a cache without Vary': {
      profile: cacheProfiles['CloudFront']!,
      tamper: replaced('private', ''),
    },
    'a targeted field that stays': {
      profile: cacheProfiles['RFC 9213']!,
      tamper: (headers) => headers.set('CDN-Cache-Control', 'max-age=600'),
    },
    'a targeted field of Vercel that stays': {
      profile: cacheProfiles['Vercel']!,
      tamper: (headers) => headers.set('Vercel-CDN-Cache-Control', 'max-age=600'),
    },
    'a Surrogate-Control that stays': {
      profile: { ...cacheProfiles['Fastly']!, vary: false },
      tamper: (headers) => headers.set('Surrogate-Control', 'max-age=600'),
    },
    'an Expires that stays where Cache-Control is gone': {
      profile: { vary: false },
      tamper(headers) {
        headers.delete('Cache-Control')
        headers.set('Expires', 'Thu, 01 Jan 2099 00:00:00 GMT')
      },
    },
  }

  test.for(Object.entries(slips))('%s', async ([, { profile, tamper }]) => {
    const tampered =
      (server: Server): Server =>
      async (request) => {
        const response = await server(request)
        const copy = new Response(response.body, response)
        tamper(copy.headers)
        return copy
      }
    expect(await leaksOf(profile, tampered)).not.toEqual([])
  })

  test('an operator who makes it keep everything: no header helps against that', async () => {
    expect(await leaksOf({ edgeTtl: true, vary: false })).not.toEqual([])
  })
})

describe('the shared cache', () => {
  const request = (init?: RequestInit): Request => new Request('https://shop.test/', init)

  /** Whether the second of two requests is answered from the cache. */
  async function reuses(headers: HeadersInit, profile: CacheProfile = {}, status = 200): Promise<boolean> {
    const cache = sharedCache(
      async () => new Response('Hi', { status, headers }),
      () => 0,
      profile,
    )
    await cache.server(request({ headers: { cookie: 'a=1' } }))
    await cache.server(request({ headers: { cookie: 'a=2' } }))
    return cache.hits === 1
  }

  test.for<[string, boolean, HeadersInit, CacheProfile?, number?]>([
    ['keeps what may be kept (RFC 9111 §3)', true, { 'Cache-Control': 'max-age=60' }],
    ['guesses where nothing is said (RFC 9111 §4.2.2)', true, {}],
    ['does not guess for every status (RFC 9111 §4.2.2)', false, {}, {}, 302],
    ['heeds no-store (RFC 9111 §5.2.2.5)', false, { 'Cache-Control': 'no-store' }],
    ['heeds private (RFC 9111 §5.2.2.7)', false, { 'Cache-Control': 'max-age=60, Private' }],
    ['heeds private with names (RFC 9111 §5.2.2.7)', false, { 'Cache-Control': 'private="x-a", max-age=60' }],
    ['puts s-maxage first (RFC 9111 §5.2.2.10)', false, { 'Cache-Control': 'max-age=60, s-maxage=0' }],
    ['heeds Expires (RFC 9111 §5.3)', true, { Expires: 'Thu, 01 Jan 2099 00:00:00 GMT' }],
    ['takes what is no date for the past (RFC 9111 §5.3)', false, { Expires: '0' }],
    ['counts Age (RFC 9111 §5.1)', false, { 'Cache-Control': 'max-age=60', Age: '60' }],
    ['tells variants apart (RFC 9111 §4.1)', false, { 'Cache-Control': 'max-age=60', Vary: 'Cookie' }],
    ['never matches Vary: * (RFC 9111 §4.1)', false, { 'Cache-Control': 'max-age=60', Vary: '*' }],
    ['keeps a Set-Cookie (RFC 9111 §7.3)', true, { 'Cache-Control': 'max-age=60', 'Set-Cookie': 'a=1' }],
    [
      'passes over no-store beside must-understand (RFC 9111 §5.2.2.3)',
      true,
      { 'Cache-Control': 'no-store, must-understand, max-age=60' },
      { mustUnderstand: true },
    ],
    [
      'puts a targeted field first (RFC 9213 §2.2)',
      true,
      { 'Cache-Control': 'no-store', 'CDN-Cache-Control': 'max-age=60' },
      { targets: ['CDN-Cache-Control'] },
    ],
    [
      'heeds a targeted no-store (RFC 9213 §2.2)',
      false,
      { 'Cache-Control': 'max-age=60', 'CDN-Cache-Control': 'no-store' },
      { targets: ['CDN-Cache-Control'] },
    ],
  ])('%s', async ([, reused, headers, profile, status]) => {
    expect(await reuses(headers, profile, status)).toBe(reused)
  })

  test('merges the head of a 304 into what it keeps (RFC 9111 §4.3.4)', async () => {
    const answers = [
      new Response('Hi', { headers: { 'Cache-Control': 'no-cache', ETag: '"1"' } }),
      new Response(null, {
        status: 304,
        headers: { ETag: '"1"', 'Set-Cookie': 'a=1', 'Cache-Control': 'max-age=9' },
      }),
    ]
    const cache = sharedCache(
      async () => answers.shift()!,
      () => 0,
    )
    await cache.server(request())
    await cache.server(request())
    const third = await cache.server(request())
    expect([third.headers.getSetCookie(), await third.text()]).toEqual([['a=1'], 'Hi'])
  })

  test('forgets a page after an unsafe request to it (RFC 9111 §4.4)', async () => {
    const cache = sharedCache(
      async () => new Response('Hi', { headers: { 'Cache-Control': 'max-age=60' } }),
      () => 0,
    )
    for (const method of ['GET', 'POST', 'GET']) await cache.server(request({ method }))
    expect(cache.hits).toBe(0)
  })
})

/** All that leaks in a few orders through this cache. */
async function leaksOf(profile: CacheProfile, tamper?: (server: Server) => Server): Promise<string[]> {
  const outcomes: Outcome[] = []
  for (let seed = 0; seed < 40; seed++) {
    outcomes.push(await playOrder(adapters['fetch']!, profile, seeded(seed), tamper))
  }
  return outcomes.flatMap(({ leaks }) => leaks)
}

/** Puts other directives in the place of one. */
function replaced(directive: string, by: string): (headers: Headers) => void {
  return (headers) => {
    const before = headers.get('Cache-Control') ?? ''
    if (!before.includes(directive)) return
    const after = before.replace(new RegExp(`${directive}(?:, )?`), by)
    if (after === '') headers.delete('Cache-Control')
    else headers.set('Cache-Control', after)
    // Caches differ in what they make of it, so it may not be all that helps.
    headers.delete('Vary')
  }
}
