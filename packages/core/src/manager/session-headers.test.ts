import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSessionHeaders, type NodeResponse, type SessionHeaders } from './session-headers.ts'

const cookie = '__Host-Http-sid=v; Path=/; Secure; HttpOnly; SameSite=Lax'
const setting = createSessionHeaders([cookie], true)
const reading = createSessionHeaders([], true)
const untouched = createSessionHeaders([], false)

const targeted = [
  'CDN-Cache-Control',
  'Cloudflare-CDN-Cache-Control',
  'Vercel-CDN-Cache-Control',
  'Netlify-CDN-Cache-Control',
  'Surrogate-Control',
]

type Fields = Readonly<Record<string, string | readonly string[]>>

/** The head of a Node response: names in any case, lists kept as lists. */
class NodeHead implements NodeResponse {
  readonly #fields = new Map<string, number | string | string[]>()

  getHeader(name: string): number | string | string[] | undefined {
    return this.#fields.get(name.toLowerCase())
  }

  setHeader(name: string, value: number | string | readonly string[]): this {
    this.#fields.set(name.toLowerCase(), typeof value === 'object' ? [...value] : value)
    return this
  }

  removeHeader(name: string): void {
    this.#fields.delete(name.toLowerCase())
  }

  get fields(): Record<string, unknown> {
    return Object.fromEntries(this.#fields)
  }
}

/** Fields by name, with all values of Set-Cookie. */
function fieldsOf(headers: Headers): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.fromEntries(headers)
  const cookies = headers.getSetCookie()
  return cookies.length === 0 ? fields : { ...fields, 'set-cookie': cookies }
}

function headersOf(fields: Fields): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(fields)) {
    for (const one of typeof value === 'string' ? [value] : value) headers.append(name, one)
  }
  return headers
}

/** One of the three ways to the same head. */
interface Way {
  readonly where: string
  readonly apply: (session: SessionHeaders, before: Fields) => Record<string, unknown>
}

const ways: readonly Way[] = [
  {
    where: 'Headers',
    apply(session, before) {
      const headers = headersOf(before)
      session.applyTo(headers)
      return fieldsOf(headers)
    },
  },
  {
    where: 'a Response',
    apply(session, before) {
      const response = new Response(null, { headers: headersOf(before) })
      return fieldsOf(session.applied(response).headers)
    },
  },
  {
    where: 'a Node response',
    apply(session, before) {
      const head = new NodeHead()
      for (const [name, value] of Object.entries(before)) head.setHeader(name, value)
      session.applyTo(head)
      return head.fields
    },
  },
]

/** Each row in each way. */
function everywhere<Row extends object>(rows: readonly Row[]): (Way & Row)[] {
  return ways.flatMap((way) => rows.map((row) => ({ ...way, ...row })))
}

const expires = 'Thu, 01 Jan 2099 00:00:00 GMT'
const sharedCaching = Object.fromEntries(targeted.map((name) => [name, 'public, max-age=60']))

test.each(
  everywhere<{ said: string; before: Fields }>([
    { said: 'nothing', before: {} },
    { said: 'public', before: { 'cache-control': 'public, max-age=600, s-maxage=3600, immutable' } },
    { said: 'private', before: { 'cache-control': 'private, max-age=60' } },
    { said: 'no-cache', before: { 'cache-control': 'no-cache="Set-Cookie"' } },
    { said: 'Expires', before: { expires } },
    { said: 'each field that overrides Cache-Control', before: sharedCaching },
    { said: 'all of it', before: { ...sharedCaching, 'cache-control': 'public', expires } },
  ]),
)(
  'RFC9111-7.3 RFC9213-2 ASVS-14.3.2 in $where that said $said, what sets the cookie is stored by no cache',
  ({ apply, before }) => {
    expect(apply(setting, { ...before, 'content-type': 'text/html' })).toEqual({
      'content-type': 'text/html',
      'cache-control': 'no-store',
      vary: 'Cookie',
      'set-cookie': [cookie],
    })
  },
)

test.each(
  everywhere([
    { said: '', becomes: 'private' },
    { said: 'public', becomes: 'private' },
    { said: 'PUBLIC, Max-Age=60', becomes: 'private, Max-Age=60' },
    { said: 'public, max-age=9, s-maxage=99, immutable', becomes: 'private, max-age=9, immutable' },
    { said: 'max-age=60,public,S-MaxAge=5', becomes: 'private, max-age=60' },
    { said: 's-maxage = 5, max-age=1', becomes: 'private, max-age=1' },
    { said: 'private', becomes: 'private' },
    { said: 'private, max-age=60', becomes: 'private, max-age=60' },
    { said: 'max-age=60, private', becomes: 'private, max-age=60' },
    { said: 'private="Set-Cookie", max-age=60', becomes: 'private, max-age=60' },
    { said: 'private="Set-Cookie, X-User", max-age=60', becomes: 'private, max-age=60' },
    { said: 'no-cache', becomes: 'private, no-cache' },
    { said: 'no-cache="Set-Cookie, X-User", public', becomes: 'private, no-cache="Set-Cookie, X-User"' },
    { said: 'must-revalidate, proxy-revalidate', becomes: 'private, must-revalidate, proxy-revalidate' },
    { said: 'publicity=1', becomes: 'private, publicity=1' },
  ]),
)(
  'ASVS-14.2.2 RFC9111-5.2.2 RFC9213-2 in $where, what has read the session is for its visitor only: $said becomes $becomes',
  ({ apply, said, becomes }) => {
    const after = apply(reading, { 'cache-control': said, expires, ...sharedCaching })
    // Expires counts in the visitor's own cache only, now that shared ones are out.
    expect(after).toEqual({ 'cache-control': becomes, expires, vary: 'Cookie' })
  },
)

test.each(ways)(
  'ASVS-14.2.2 in $where without Cache-Control, what has read the session is for its visitor only',
  ({ apply }) => {
    expect(apply(reading, {})).toEqual({ 'cache-control': 'private', vary: 'Cookie' })
  },
)

test.each(
  everywhere([
    { said: 'no-store', becomes: 'no-store' },
    { said: 'No-Store', becomes: 'No-Store' },
    { said: 'public, no-store, s-maxage=60', becomes: 'no-store' },
    // A cache that knows must-understand passes over the no-store beside it (RFC 9111 §5.2.2.3).
    {
      said: 'must-understand, no-store, max-age=60',
      becomes: 'private, must-understand, no-store, max-age=60',
    },
    { said: 'Must-Understand, No-Store', becomes: 'private, Must-Understand, No-Store' },
  ]),
)(
  'RFC9111-5.2.2 in $where, what is stricter than private stays so: $said becomes $becomes',
  ({ apply, said, becomes }) => {
    expect(apply(reading, { 'cache-control': said })['cache-control']).toBe(becomes)
  },
)

test.each(
  everywhere([
    { vary: 'Cookie', becomes: 'Cookie' },
    { vary: 'cookie', becomes: 'cookie' },
    { vary: 'Accept-Encoding', becomes: 'Accept-Encoding, Cookie' },
    { vary: 'Accept-Encoding , COOKIE', becomes: 'Accept-Encoding , COOKIE' },
    { vary: 'Cookie2, X-Cookie', becomes: 'Cookie2, X-Cookie, Cookie' },
    { vary: '*', becomes: '*' },
    { vary: 'Accept, *', becomes: 'Accept, *' },
    { vary: '', becomes: 'Cookie' },
  ]),
)('in $where, Vary: $vary becomes $becomes', ({ apply, vary, becomes }) => {
  for (const session of [setting, reading]) expect(apply(session, { vary })).toHaveProperty('vary', becomes)
})

test.each(ways)(
  'RFC9111-5.2.2 in $where, what never touched its session stays as cacheable as it was',
  ({ apply }) => {
    const before = {
      'cache-control': 'public, s-maxage=60',
      expires,
      vary: 'Accept',
      'set-cookie': ['theme=dark'],
    }
    const overrides = Object.entries(sharedCaching).map(([name, value]) => [name.toLowerCase(), value])
    const all = { ...before, ...Object.fromEntries(overrides) }
    expect(apply(untouched, all)).toEqual(all)
  },
)

test.each(ways)(
  'in $where, the cookies of the application survive, each in a field of its own',
  ({ apply }) => {
    const own = ['theme=dark; Expires=Thu, 01 Jan 2099 00:00:00 GMT', 'lang=de', 'a=b']
    expect(apply(setting, { 'set-cookie': own })['set-cookie']).toEqual([...own, cookie])
    expect(apply(reading, { 'set-cookie': own })['set-cookie']).toEqual(own)
  },
)

test('a Node response may have one cookie, or a Vary that is a list', () => {
  const head = new NodeHead().setHeader('Set-Cookie', 'theme=dark').setHeader('Vary', ['Accept', 'Origin'])
  setting.applyTo(head)
  expect(head.fields).toEqual({
    'cache-control': 'no-store',
    'set-cookie': ['theme=dark', cookie],
    vary: 'Accept, Origin, Cookie',
  })
})

test('a Node response may have a field that is a number, or blank', () => {
  const head = new NodeHead().setHeader('Set-Cookie', 5).setHeader('Vary', 7)
  setting.applyTo(head)
  expect(head.fields).toMatchObject({ 'set-cookie': ['5', cookie], vary: '7, Cookie' })
  const blank = new NodeHead().setHeader('Vary', ' ').setHeader('Cache-Control', ' ')
  reading.applyTo(blank)
  expect(blank.fields).toEqual({ 'cache-control': 'private', vary: 'Cookie' })
})

test('only what neither sets a cookie nor was read is empty', () => {
  expect(
    [setting, reading, untouched, createSessionHeaders([cookie], false)].map(({ isEmpty }) => isEmpty),
  ).toEqual([false, false, true, false])
})

test('a response that needs nothing is returned as it is', () => {
  const response = new Response('hello')
  expect(untouched.applied(response)).toBe(response)
})

const headless = [204, 205, 304]

test.each([200, 201, 204, 205, 206, 301, 302, 303, 304, 307, 308, 400, 404, 500, 599])(
  'a response of status %i that others may get too is copied with its body, status and fields, and stays as it was itself',
  async (status) => {
    const body = headless.includes(status) ? null : 'hello'
    const init = { status, statusText: 'So it is', headers: { location: '/a', 'cache-control': 'public' } }
    // What has a body can be sent only once, and what goes in place tells nothing of anybody.
    for (const session of body === null ? [setting, reading] : [setting]) {
      const response = new Response(body, init)
      const before = fieldsOf(response.headers)
      const copy = session.applied(response)
      expect(copy).not.toBe(response)
      expect(fieldsOf(response.headers)).toEqual(before)
      expect([copy.status, copy.statusText, copy.headers.get('location')]).toEqual([status, 'So it is', '/a'])
      expect(copy.headers.has('set-cookie')).toBe(session === setting)
      expect(await copy.text()).toBe(body ?? '')
    }
  },
)

test('caching rules alone change a response with a body in place, where its headers allow it', async () => {
  const own = new Response('hello', { headers: { 'cache-control': 'public' } })
  expect(reading.applied(own)).toBe(own)
  expect(fieldsOf(own.headers)).toMatchObject({ 'cache-control': 'private', vary: 'Cookie' })
  const frozen = new Response('hello')
  Object.defineProperty(frozen, 'headers', { value: immutable(frozen.headers) })
  const copy = reading.applied(frozen)
  expect(copy).not.toBe(frozen)
  expect(copy.headers.get('cache-control')).toBe('private')
  expect(await copy.text()).toBe('hello')
})

test('what is for one client alone enters no response that Node sends, and needs no copy', () => {
  for (const frozen of [false, true]) {
    const own = new Headers()
    const response = new Response('hello', { headers: { 'cache-control': 'public' } })
    if (frozen) Object.defineProperty(response, 'headers', { value: immutable(response.headers) })
    const sent = createSessionHeaders([cookie, 'theme=dark'], true, '"cache"').applied(response, own)
    expect(sent === response).toBe(!frozen)
    expect(fieldsOf(sent.headers)).toMatchObject({ 'cache-control': 'no-store', vary: 'Cookie' })
    expect(['set-cookie', 'clear-site-data'].map((name) => sent.headers.has(name))).toEqual([false, false])
    expect(fieldsOf(own)).toEqual({ 'set-cookie': [cookie, 'theme=dark'], 'clear-site-data': '"cache"' })
  }
})

/** Headers as `fetch` brings them. */
function immutable(headers: Headers): Headers {
  const refuse = (): never => {
    throw new TypeError('immutable')
  }
  return Object.assign(headers, { set: refuse, append: refuse, delete: refuse })
}

test('a body that is a stream goes through without being read', async () => {
  const reads: string[] = []
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        reads.push('pull')
        if (reads.length > 2) controller.close()
        else controller.enqueue(new TextEncoder().encode(`${reads.length}`))
      },
    },
    { highWaterMark: 0 },
  )
  const copy = setting.applied(new Response(body))
  expect(reads).toEqual([])
  expect(await copy.text()).toBe('12')
})

test('a redirect, whose headers are immutable, gets its cookie', () => {
  const response = Response.redirect('https://example.com/next', 303)
  expect(() => response.headers.set('x', 'y')).toThrow(TypeError)
  const copy = setting.applied(response)
  expect([copy.status, copy.headers.get('location')]).toEqual([303, 'https://example.com/next'])
  expect(copy.headers.getSetCookie()).toEqual([cookie])
  expect(response.headers.has('set-cookie')).toBe(false)
})

test('a response that was fetched gets its cookie', async () => {
  const response = await fetch('data:text/plain,hello')
  const copy = setting.applied(response)
  expect(copy.headers.getSetCookie()).toEqual([cookie])
  expect(response.headers.has('set-cookie')).toBe(false)
  expect([copy.headers.get('content-type'), await copy.text()]).toEqual(['text/plain', 'hello'])
})

test('one response may be given to many visitors, and none gets the cookie of another', () => {
  const shared = new Response(null, { headers: { 'cache-control': 'public' } })
  const [ada, bob] = ['sid=ada', 'sid=bob'].map((cookie) =>
    createSessionHeaders([cookie], true).applied(shared),
  )
  expect([ada, bob].map((response) => response!.headers.getSetCookie())).toEqual([['sid=ada'], ['sid=bob']])
  expect(fieldsOf(shared.headers)).toEqual({ 'cache-control': 'public' })
})

test('the answer to an upgrade is left alone', () => {
  // Outside Workers a Response cannot have this status, so it is put on.
  const upgrade = Object.defineProperty(new Response(null), 'status', { value: 101 })
  expect(setting.applied(upgrade)).toBe(upgrade)
  expect(upgrade.headers.has('set-cookie')).toBe(false)
})

test('a network error is left alone', () => {
  const error = Response.error()
  expect(setting.applied(error)).toBe(error)
  expect(reading.applied(error)).toBe(error)
})

test('ASVS-14.2.2 RFC9111-5.2.2 whatever Cache-Control says, afterwards no shared cache may store the response', () => {
  const about = ['public', 'Public', 'private', 'private="x"', 's-maxage=5', 'S-MAXAGE=9', 'no-store']
  const others = ['no-cache', 'max-age=5', 'immutable', 'stale-while-revalidate=5', 'x="public"', '', ' ']
  const directive = fc.constantFrom(...about, ...others)
  fc.assert(
    fc.property(fc.array(directive, { maxLength: 6 }), (directives) => {
      const headers = new Headers({ 'cache-control': directives.join(',') })
      reading.applyTo(headers)
      const after = headers.get('cache-control')!.toLowerCase().split(', ')
      expect(after.includes('private') || after.includes('no-store')).toBe(true)
      expect(after.filter((directive) => /^(public|s-maxage)/.test(directive))).toEqual([])
      // Nothing that was not about sharing is lost.
      for (const directive of directives.map((directive) => directive.trim().toLowerCase())) {
        if (directive !== '' && !/^(public|private|s-maxage)/.test(directive))
          expect(after).toContain(directive)
      }
    }),
    { seed: 9111, numRuns: 1000 },
  )
})

test.each(ways)(
  'in $where, a logout clears what the browser keeps, beside what the application clears',
  ({ apply }) => {
    const clearing = createSessionHeaders([cookie], true, '"cache", "storage"')
    expect(apply(clearing, {})).toMatchObject({ 'cache-control': 'no-store', 'set-cookie': [cookie] })
    expect(String(apply(clearing, {})['clear-site-data'])).toBe('"cache", "storage"')
    const both = String(apply(clearing, { 'clear-site-data': '"cookies"' })['clear-site-data'])
    expect(both.split(/, ?/)).toEqual(['"cookies"', '"cache"', '"storage"'])
  },
)

test.each(ways)(
  'in $where, what clears a browser is stored by no cache, even without a cookie',
  ({ apply }) => {
    const clearing = createSessionHeaders([], true, '"cache"')
    expect(clearing.isEmpty).toBe(false)
    expect(apply(clearing, { 'cache-control': 'public', expires, ...sharedCaching })).not.toHaveProperty(
      'expires',
    )
    const after = apply(clearing, { 'cache-control': 'public', expires, ...sharedCaching })
    expect(after).toMatchObject({ 'cache-control': 'no-store', vary: 'Cookie' })
    expect(Object.keys(after).toSorted()).toEqual(['cache-control', 'clear-site-data', 'vary'])
  },
)
