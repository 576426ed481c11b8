import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Demo } from '../server.ts'
import { startTemporaryDemo } from './temporary-demo.ts'
import { createVisitor, type Visitor } from './visitor.ts'

const cookieName = '__Host-Http-sid'
let demo: Demo

beforeAll(async () => {
  demo = await startTemporaryDemo()
})
afterAll(() => demo.stop())

/** The number on the page. */
function visits(page: string): number {
  return Number(/<output id="visits">(\d+)</.exec(page)?.[1])
}

/** How many of a garment the page shows. */
function count(page: string, garment: string): number {
  return Number(new RegExp(`value="${garment}"[\\s\\S]*?<output>(\\d+)<`).exec(page)?.[1])
}

function ticketOf({ jar }: Visitor): { id: string; proof: string } {
  const [id = '', proof = ''] = (jar.get(cookieName) ?? '').split('.')
  return { id, proof }
}

async function keys(): Promise<string[]> {
  const namespace = await demo.miniflare.getKVNamespace('SESSIONS')
  return (await namespace.list()).keys.map(({ name }) => name)
}

interface Stored {
  readonly payload: string
  readonly version: number
  readonly userId: string | null
}

async function stored(id: string): Promise<Stored | null> {
  const namespace = await demo.miniflare.getKVNamespace('SESSIONS')
  return (await namespace.get(`session:${id}`, 'json')) as Stored | null
}

describe('the counter', () => {
  test('counts each visit', async () => {
    const visitor = createVisitor(demo)
    expect(visits(await visitor.read())).toBe(1)
    expect(visits(await visitor.read())).toBe(2)
    expect(visits(await createVisitor(demo).read())).toBe(1)
  })

  test('HEAD counts nothing, takes no notice and makes no session', async () => {
    const head = await createVisitor(demo).send('/', { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(head.headers.getSetCookie()).toEqual([])

    const visitor = createVisitor(demo)
    await visitor.read()
    const headers = { 'sec-fetch-site': 'same-origin' }
    await visitor.send('/rotate', { method: 'POST', headers })
    await visitor.send('/', { method: 'HEAD' })
    const page = await visitor.read()
    expect(visits(page)).toBe(2)
    expect(page).toContain('under a new number')
  })

  test('a notice is shown once', async () => {
    const visitor = createVisitor(demo)
    expect(await visitor.post('/cart', { garment: 'coat', change: 'add' })).toContain('We hung up your coat.')
    expect(await visitor.read()).not.toContain('We hung up your coat.')
  })
})

describe('the hook', () => {
  test('takes and gives back garments', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/cart', { garment: 'hat', change: 'add' })
    await visitor.post('/cart', { garment: 'scarf', change: 'add' })
    const full = await visitor.post('/cart', { garment: 'hat', change: 'add' })
    expect([count(full, 'coat'), count(full, 'scarf'), count(full, 'hat')]).toEqual([0, 1, 2])
    const less = await visitor.post('/cart', { garment: 'hat', change: 'remove' })
    expect(count(less, 'hat')).toBe(1)
  })

  test('has an end at both sides', async () => {
    const visitor = createVisitor(demo)
    expect(await visitor.post('/cart', { garment: 'coat', change: 'remove' })).toContain('There is no coat')
    for (let i = 0; i < 9; i++) await visitor.post('/cart', { garment: 'coat', change: 'add' })
    const page = await visitor.post('/cart', { garment: 'coat', change: 'add' })
    expect(page).toContain('The hook is full')
    expect(count(page, 'coat')).toBe(9)
  })

  test.each([
    { garment: 'piano', change: 'add' },
    { garment: '__proto__', change: 'add' },
    { garment: 'coat', change: 'steal' },
    {},
  ])('refuses %o with a sentence', async (fields) => {
    const page = await createVisitor(demo).post('/cart', fields)
    expect(page).toContain('We take coats, scarves and hats')
    expect(page).not.toContain('piano')
    expect(count(page, 'coat')).toBe(0)
  })
})

describe('signing in and out', () => {
  test('a sign-in changes the ticket, keeps the hook, and ends the old ticket', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/cart', { garment: 'coat', change: 'add' })
    const before = visitor.jar.get(cookieName) ?? ''
    const page = await visitor.post('/sign-in', { name: 'Ada' })
    expect(page).toContain('Welcome, <bdi>Ada</bdi>')
    expect(count(page, 'coat')).toBe(1)
    expect(visitor.jar.get(cookieName)).not.toBe(before)

    const thief = createVisitor(demo)
    thief.jar.set(cookieName, before)
    const stolen = await thief.read()
    expect(stolen).not.toContain('Ada')
    expect(count(stolen, 'coat')).toBe(0)
  })

  test('somebody else on the same browser gets neither the hook nor the log', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    await visitor.post('/cart', { garment: 'coat', change: 'add' })
    const page = await visitor.post('/sign-in', { name: 'Grace' })
    expect(page).toContain('Welcome, <bdi>Grace</bdi>')
    expect(page).not.toContain('Ada')
    expect(count(page, 'coat')).toBe(0)
  })

  test('a sign-out deletes record and cookie, says so, and names nobody', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    const { id } = ticketOf(visitor)
    expect(await stored(id)).not.toBeNull()
    const page = await visitor.post('/sign-out')
    expect(visitor.jar.size).toBe(0)
    expect(await stored(id)).toBeNull()
    expect(page).toContain('No ticket')
    expect(page).toContain('Nothing hangs here for you')
    expect(page).toContain(`The session ${id.slice(0, 6)}… was ended`)
    expect(page).not.toContain('Ada')
  })

  test('the goodbye page leads a visitor who has a session back', async () => {
    const visitor = createVisitor(demo)
    await visitor.read()
    const answer = await visitor.send('/goodbye')
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/'])
  })

  test('a rotation changes the ticket and keeps everything else', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    const before = ticketOf(visitor)
    const page = await visitor.post('/rotate')
    expect(ticketOf(visitor).id).not.toBe(before.id)
    expect(ticketOf(visitor).proof).not.toBe(before.proof)
    expect(page).toContain('Welcome, <bdi>Ada</bdi>')
    expect(visits(page)).toBe(2)
  })
})

describe('the panel', () => {
  test('shows the id in full and only the first four characters of the proof', async () => {
    const visitor = createVisitor(demo)
    for (const page of [await visitor.read(), await visitor.read()]) {
      const { id, proof } = ticketOf(visitor)
      expect(page).toContain(id)
      expect(page).toContain(`${proof.slice(0, 4)}…`)
      expect(page).not.toContain(proof.slice(0, 5))
      expect(page).not.toContain(proof.slice(4))
    }
  })

  test('shows the record as it lies in KV, this visit included', async () => {
    const visitor = createVisitor(demo)
    await visitor.read()
    await visitor.post('/sign-in', { name: 'Ada' })
    const page = await visitor.read()
    const record = await stored(ticketOf(visitor).id)
    expect(JSON.parse(record?.payload ?? '').data).toEqual({ visits: visits(page) })
    const shown = /<pre[^>]*>([\s\S]*?)<\/pre>/.exec(page)?.[1]?.replaceAll('&quot;', '"') ?? ''
    expect(JSON.parse(shown)).toEqual(JSON.parse(record?.payload ?? ''))
    expect(page).toMatch(new RegExp(`version</dt>\\s*<dd class="mono"><bdi>${record?.version} `))
    expect(page).toMatch(/userId<\/dt>\s*<dd class="mono"><bdi>Ada</)
  })

  test('knows a browser that still comes with the number before', async () => {
    const visitor = createVisitor(demo)
    await visitor.read()
    const before = visitor.jar.get(cookieName) ?? ''
    await visitor.post('/rotate')
    visitor.jar.set(cookieName, before)
    const page = await visitor.read()
    expect(page).toContain('Your browser came with the number before this one')
    expect(visits(page)).toBe(3)
  })

  test('tells the attributes of the transport', async () => {
    const secure = await createVisitor(demo).read()
    expect(secure).toContain('<dt>__Host-Http-sid</dt>')
    expect(secure).toContain('<dt>Secure</dt>')
    const local = createVisitor(demo, 'http://localhost:8787')
    for (const page of [await local.read(), await local.read()]) {
      expect(page).toContain('<dt>sid</dt>')
      expect(page).toContain('<dt>no Secure</dt>')
      expect(page).not.toContain('<dt>Secure</dt>')
    }
  })

  test('says why there is no cookie over plain http elsewhere', async () => {
    const page = await createVisitor(demo, 'http://coats.example').read()
    expect(page).toContain('No ticket')
    expect(page).toContain('this transport is not safe')
  })

  test('the log shows a visitor his own events, through sign-in and rotation, and nobody else’s', async () => {
    const ada = createVisitor(demo)
    await ada.read()
    const first = ticketOf(ada).id
    await ada.post('/sign-in', { name: 'Ada' })
    await ada.post('/rotate')
    const own = await ada.read()
    expect(own).toContain(`the record ${first.slice(0, 6)}… now exists`)
    expect(own).toContain('Ada signed in')
    expect(own).toContain('>rotated<')

    const other = createVisitor(demo)
    await other.read()
    const theirs = await other.read()
    expect(theirs).not.toContain('Ada')
    expect(theirs).not.toContain(first.slice(0, 6))
    expect(theirs).not.toContain('>login<')
  })

  test('a forged ticket is told to whoever brought it, then and later', async () => {
    const forger = createVisitor(demo)
    forger.jar.set(cookieName, `${'A'.repeat(43)}.${'A'.repeat(43)}`)
    expect(await forger.read()).toContain('none of our secrets made its proof')
    expect(await forger.read()).toContain('none of our secrets made its proof')
    expect(await createVisitor(demo).read()).not.toContain('none of our secrets made its proof')
  })
})

test('the log keeps the last fifty events', async () => {
  const visitor = createVisitor(demo)
  let page = ''
  for (let i = 0; i < 55; i++) page = await visitor.read()
  expect(page.match(/<span class="type">/g)).toHaveLength(50)
})

test('a store that fails is answered by a page that tells nothing', async () => {
  const visitor = createVisitor(demo)
  await visitor.read()
  const namespace = await demo.miniflare.getKVNamespace('SESSIONS')
  await namespace.put(`session:${ticketOf(visitor).id}`, 'no record of ours')
  const answer = await visitor.send('/')
  expect(answer.status).toBe(500)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const page = await answer.text()
  expect(page).toContain('The counter is closed for a moment')
  expect(page).not.toMatch(/no record of ours|ERR_SESSION|SyntaxError|\bat /)
})

test('a page that could not be saved is not shown as if it were', async () => {
  // In this process, since no real KV can be told to refuse a write. By URL, since the types of a Worker stay out of here.
  const { default: app } = await import(new URL('../src/index.ts', import.meta.url).href)
  const refusing = { get: async () => null, put: () => Promise.reject(new Error('KV PUT failed: 429')) }
  const env = { SESSIONS: refusing, SESSION_SECRET: randomBytes(32).toString('base64url') }
  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  const answer: Response = await app.request('http://localhost/', {}, env)
  expect(log).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'ERR_SESSION_STORE' }))
  log.mockRestore()
  expect(answer.status).toBe(500)
  expect(answer.headers.getSetCookie()).toEqual([])
  const page = await answer.text()
  expect(page).toContain('The counter is closed for a moment')
  expect(page).not.toContain('Welcome')
})

describe('bad input', () => {
  test.each(['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "';</title>&amp;"])(
    'the name %s is text on every page',
    async (name) => {
      const visitor = createVisitor(demo)
      const page = await visitor.post('/sign-in', { name })
      expect(page).not.toContain(name)
      expect(page).not.toMatch(/<script|<img src=x/)
      expect(page.split(escaped(name)).length - 1).toBeGreaterThanOrEqual(4)
    },
  )

  test.each([
    ['an empty name', { name: '' }],
    ['spaces', { name: ' \t\n ' }],
    ['no name', {}],
    ['a control character', { name: '\u0000' }],
    ['a long name', { name: 'x'.repeat(41) }],
  ])('%s is refused with a sentence', async (_, fields) => {
    const page = await createVisitor(demo).post('/sign-in', fields)
    expect(page).toMatch(/role="alert"[\s\S]*(Please tell us a name|That name is too long)/)
    expect(page).toContain('nobody is signed in')
  })

  test('letters of any kind are welcome', async () => {
    const name = '👩‍🚀é'.repeat(6)
    expect(await createVisitor(demo).post('/sign-in', { name })).toContain(`Welcome, <bdi>${name}</bdi>`)
  })

  test('ten kilobytes are answered by a page, with and without a Content-Length', async () => {
    const body = `name=${'x'.repeat(10_000)}`
    const headers = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' }
    for (const form of [body, new Blob([body]).stream()]) {
      const init = { method: 'POST', headers, body: form, duplex: 'half' } as Parameters<Visitor['send']>[1]
      const answer = await createVisitor(demo).send('/sign-in', init)
      expect(answer.status).toBe(413)
      expect(await answer.text()).toContain('That is too much')
    }
  })

  test.each([
    ['application/json', '{"name":"Ada"}'],
    ['multipart/form-data', 'no boundary'],
    ['multipart/form-data; boundary=x', '--x\r\nbroken'],
    ['application/x-www-form-urlencoded', '%ff=%&&&=;name'],
  ])('a body of type %s that is none is taken for an empty form', async (type, body) => {
    const visitor = createVisitor(demo)
    const headers = { 'sec-fetch-site': 'same-origin', 'content-type': type }
    const answer = await visitor.send('/sign-in', { method: 'POST', headers, body })
    expect(answer.status).toBe(303)
    expect(await visitor.read()).toContain('Please tell us a name')
  })

  test('an unknown address is answered by a page', async () => {
    const answer = await createVisitor(demo).send('/nowhere?<script>')
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('No such counter')
  })

  test.each([
    ['GET', '/sign-in', 'POST'],
    ['PUT', '/', 'GET, HEAD'],
    ['DELETE', '/cart', 'POST'],
    ['POST', '/goodbye', 'GET, HEAD'],
    ['POST', '/style.css', 'GET, HEAD'],
  ])('%s %s is answered by a page and Allow: %s', async (method, path, allow) => {
    const answer = await createVisitor(demo).send(path, {
      method,
      headers: { 'sec-fetch-site': 'same-origin' },
    })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow])
    expect(await answer.text()).toContain('Not at this counter')
  })

  test('nonsense in cookies never breaks a page', async () => {
    for (const cookie of [
      `${cookieName}=`,
      `${cookieName}=%`,
      '=;;=',
      'x'.repeat(17_000),
      `${cookieName}=a; ${cookieName}=b`,
    ]) {
      const answer = await createVisitor(demo).send('/', { headers: { cookie } })
      expect(answer.status).toBe(200)
      expect(visits(await answer.text())).toBe(1)
    }
  })
})

describe('forms of other sites', () => {
  const origin = 'https://coats.example'
  test.each([
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    { 'sec-fetch-site': 'same-site', origin: 'https://other.coats.example' },
    { origin: 'https://evil.example' },
    { origin: 'http://coats.example' },
    { origin: 'https://coats.example:8443' },
    { origin: 'null' },
    {},
  ])('are refused: %o', async (headers) => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    const before = await stored(ticketOf(visitor).id)
    for (const path of ['/sign-in', '/sign-out', '/rotate', '/cart']) {
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      const answer = await visitor.send(path, {
        method: 'POST',
        headers: { ...headers, ...type } as Record<string, string>,
        body: 'name=Eve',
      })
      expect(answer.status).toBe(403)
      expect(answer.headers.getSetCookie()).toEqual([])
      expect(await answer.text()).toContain('This form was refused')
    }
    expect(await stored(ticketOf(visitor).id)).toEqual(before)
  })

  test.each([{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin }])(
    'are told from our own: %o',
    async (headers) => {
      const init = { method: 'POST', headers: headers as Record<string, string> }
      expect((await createVisitor(demo).send('/rotate', init)).status).toBe(303)
    },
  )
})

describe('headers', () => {
  test('every page is personal, runs no script, and cannot be framed', async () => {
    const visitor = createVisitor(demo)
    for (const path of ['/', '/goodbye', '/nowhere', '/sign-in']) {
      const answer = await visitor.send(path)
      expect(answer.headers.get('cache-control')).toContain('no-store')
      const policy = answer.headers.get('content-security-policy')
      expect(policy).toBe(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      )
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('referrer-policy')).toBe('same-origin')
      expect(await answer.text()).not.toMatch(/<script|\sstyle=|\son\w+=/)
    }
  })

  test.each(['/style.css', '/icon.svg'])('%s is for everyone and never touches a session', async (path) => {
    const visitor = createVisitor(demo)
    await visitor.read()
    const before = await stored(ticketOf(visitor).id)
    const known = await keys()
    for (const who of [visitor, createVisitor(demo)]) {
      const answer = await who.send(path)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
      expect(answer.headers.get('vary')).toBeNull()
      expect(answer.headers.getSetCookie()).toEqual([])
      await answer.arrayBuffer()
      const again = await who.send(path, { headers: { 'if-none-match': answer.headers.get('etag') ?? '' } })
      expect(again.status).toBe(304)
    }
    expect(await stored(ticketOf(visitor).id)).toEqual(before)
    expect(await keys()).toEqual(known)
  })
})

function escaped(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
