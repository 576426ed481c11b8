import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Demo } from '../server.ts'
import { countingBindings } from './counting-bindings.ts'
import { startTemporaryDemo } from './temporary-demo.ts'
import { createVisitor, type Visitor } from './visitor.ts'

const modes = ['store', 'cookie', 'hybrid'] as const
const cookieName = '__Host-Http-sid'

function shown(page: string, id: string): string {
  return new RegExp(`id="${id}">([^<]*)<`).exec(page)?.[1] ?? ''
}

/** The setting that the switch on the page stands at. */
function current(page: string): string | undefined {
  return /value="(\w+)"\s+aria-current="true"/.exec(page)?.[1]
}

interface Row {
  readonly what: string
  readonly calls: string
  readonly operations: string
  readonly sent: string
  readonly set: string
}

/** The rows of a table on the page. */
function rows(page: string, id: string): Row[] {
  const table = new RegExp(`<table id="${id}">([\\s\\S]*?)</table>`).exec(page)?.[1] ?? ''
  const text = (cell: string): string =>
    cell
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim()
  return [...table.matchAll(/<th scope="row"[\s\S]*?<\/tr>/g)].map(([row]) => {
    const [head = '', calls = '', sent = '', set = ''] = row.split(/<\/t[hd]>/)
    const [what = '', operations = ''] = head.split('<span class="soft operations">')
    return {
      what: text(what),
      operations: text(operations),
      calls: text(calls),
      sent: text(sent),
      set: text(set),
    }
  })
}

function octets(pairs: Iterable<string>): number {
  return [...pairs].reduce((sum, pair) => sum + Buffer.byteLength(pair), 0)
}

/** What the visitor's browser will send. */
function held({ jar }: Visitor): number {
  return octets([...jar].filter(([name]) => name !== 'mode').map(([name, value]) => `${name}=${value}`))
}

describe.each(modes)('with the setting %s', (mode) => {
  let demo: Demo
  beforeAll(async () => {
    demo = await startTemporaryDemo({ sessions: mode })
  })
  afterAll(() => demo.stop())

  test('a visitor counts, hangs up a coat, signs in, changes the ticket and signs out', async () => {
    const visitor = createVisitor(demo)
    const first = await visitor.read()
    expect(current(first)).toBe(mode)
    expect(shown(first, 'visits')).toBe('1')
    expect(await visitor.post('/cart', { garment: 'coat', change: 'add' })).toContain('We hung up your coat.')
    const anonymous = visitor.jar.get(cookieName)
    const signedIn = await visitor.post('/sign-in', { name: 'Ada' })
    expect(signedIn).toContain('Welcome, <bdi>Ada</bdi>')
    expect(shown(signedIn, 'visits')).toBe('3')
    expect(visitor.jar.get(cookieName)).not.toBe(anonymous)
    expect(await visitor.post('/rotate')).toContain('The same coat, under a new number.')
    const look = await visitor.read('/look')
    expect(shown(look, 'visits')).toBe('4')
    expect(shown(look, 'hung')).toBe('1')
    expect(await visitor.post('/sign-out')).toContain('Goodbye')
    expect(visitor.jar.size).toBe(0)
    expect(shown(await visitor.read(), 'visits')).toBe('1')
  })

  test('the ticket from before a sign-in is worthless after it', async () => {
    const visitor = createVisitor(demo)
    await visitor.read()
    const copy = createVisitor(demo)
    copy.jar.set(cookieName, visitor.jar.get(cookieName)!)
    await visitor.post('/sign-in', { name: 'Ada' })
    const page = await copy.read()
    expect(page).not.toContain('Ada')
    expect(shown(page, 'visits')).toBe('1')
  })

  test('the page shows the bytes of the cookies that were sent and set', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    for (const path of ['/', '/look', '/']) {
      const sent = held(visitor)
      const answer = await visitor.send(path, {
        headers: { cookie: [...visitor.jar].map((pair) => pair.join('=')).join('; ') + '; other=not ours' },
      })
      const page = await answer.text()
      expect(shown(page, 'bytes-sent')).toBe(String(sent))
      const set = answer.headers.getSetCookie().map((field) => field.split(';')[0]!)
      expect(shown(page, 'bytes-set')).toBe(String(octets(set)))
    }
  })

  test('the panel has no value of a cookie in it', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    for (const page of [await visitor.read(), await visitor.read('/look')]) {
      for (const [name, value] of visitor.jar) {
        expect(page).toContain(`<dt>${name}</dt>`)
        expect(page).not.toContain(value.slice(-20))
        if (mode === 'cookie') expect(page).not.toContain(value.slice(0, 20))
      }
    }
  })

  test('the page that explains a request finds the session', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    expect(await visitor.read('/explain')).toContain('is live: somebody is signed in')
  })

  test('the bill shows nobody else’s requests', async () => {
    const ada = createVisitor(demo)
    await ada.post('/sign-in', { name: 'Ada' })
    const other = createVisitor(demo)
    expect(rows(await other.read(), 'requests').map(({ what }) => what)).toEqual(['GET /'])
    const own = rows(await ada.read('/look'), 'requests').map(({ what }) => what)
    expect(own).toEqual(['GET /look', 'GET /', 'POST /sign-in'])
  })
})

describe('sealed sessions', () => {
  let demo: Demo
  beforeAll(async () => {
    demo = await startTemporaryDemo({ sessions: 'cookie' })
  })
  afterAll(() => demo.stop())

  async function signedIn(name: string): Promise<Visitor> {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name })
    return visitor
  }

  test('leave no record in KV, and the panel shows what the cookie holds', async () => {
    const page = await (await signedIn('Ada')).read()
    const namespace = await demo.miniflare.getKVNamespace('SESSIONS')
    expect((await namespace.list()).keys).toEqual([])
    const data = /<pre[^>]*>([\s\S]*?)<\/pre>/.exec(page)?.[1]?.replaceAll('&quot;', '"') ?? ''
    expect(JSON.parse(data)).toEqual({ visits: 2 })
  })

  test('that signed out are refused, though a copy of the cookie is about', async () => {
    const visitor = await signedIn('Ada')
    const copy = createVisitor(demo)
    copy.jar.set(cookieName, visitor.jar.get(cookieName)!)
    expect(await copy.read('/look')).toContain('<bdi>Ada</bdi> is signed in')
    await visitor.post('/sign-out')
    const page = await copy.read('/look')
    expect(page).toContain('Nobody is signed in')
    expect(page).toContain('>rejected<')
  })

  test('end everywhere at once, but for other users', async () => {
    const [phone, laptop, other] = [await signedIn('Ada'), await signedIn('Ada'), await signedIn('Grace')]
    expect(await phone.read()).toContain('There is no list to show: a sealed session is in its own browser')
    const goodbye = await phone.post('/sign-out-everywhere')
    expect(goodbye).toContain('All sessions of the user were ended')
    expect(goodbye).not.toContain('Ada')
    expect(phone.jar.size).toBe(0)
    expect(await laptop.read('/look')).toContain('Nobody is signed in')
    expect(await other.read('/look')).toContain('<bdi>Grace</bdi> is signed in')
    expect(await (await signedIn('Ada')).read('/look')).toContain('<bdi>Ada</bdi> is signed in')
  })
})

describe('the switch on the page', () => {
  let demo: Demo
  beforeAll(async () => {
    demo = await startTemporaryDemo()
  })
  afterAll(() => demo.stop())

  test('goes through all three, and each begins anew with nothing left of the one before', async () => {
    const visitor = createVisitor(demo)
    const namespace = await demo.miniflare.getKVNamespace('SESSIONS')
    await visitor.post('/sign-in', { name: 'Ada' })
    for (const mode of ['hybrid', 'cookie', 'store', 'cookie', 'hybrid', 'store']) {
      const [id = ''] = visitor.jar.get(cookieName)!.split('.')
      const page = await visitor.post('/mode', { mode })
      expect(await namespace.get(`session:${id}`)).toBeNull()
      expect(current(page)).toBe(mode)
      expect(page).not.toContain('Ada')
      expect(shown(page, 'visits')).toBe('1')
      expect([...visitor.jar.keys()].toSorted()).toEqual(
        [
          cookieName,
          ...(mode === 'hybrid' ? [`${cookieName}-cache`] : []),
          ...(mode === 'store' ? [] : ['mode']),
        ].toSorted(),
      )
      await visitor.post('/sign-in', { name: 'Ada' })
    }
  })

  test('changes nothing where it stands, or for a setting that there is not', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    expect(await visitor.post('/mode', { mode: 'store' })).toContain('Welcome, <bdi>Ada</bdi>')
    expect(await visitor.post('/mode', { mode: 'kookie' })).toContain('Welcome, <bdi>Ada</bdi>')
    expect(visitor.jar.has('mode')).toBe(false)
  })

  test('is plain to read, and nonsense in its cookie is the setting', async () => {
    const visitor = createVisitor(demo)
    const body = 'mode=hybrid'
    const headers = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await visitor.send('/mode', { method: 'POST', headers, body })
    expect(answer.headers.getSetCookie()).toEqual(['mode=hybrid; Path=/; HttpOnly; Secure; SameSite=Lax'])
    visitor.jar.set('mode', '__proto__')
    expect(current(await visitor.read())).toBe('store')
  })

  test('does nothing for a form of another site', async () => {
    const visitor = createVisitor(demo)
    await visitor.post('/sign-in', { name: 'Ada' })
    const headers = { 'sec-fetch-site': 'cross-site', 'content-type': 'application/x-www-form-urlencoded' }
    for (const path of ['/mode', '/sign-out-everywhere']) {
      const answer = await visitor.send(path, { method: 'POST', headers, body: 'mode=cookie' })
      expect([answer.status, answer.headers.getSetCookie()]).toEqual([403, []])
    }
  })

  test.each(['store', 'hybrid'])('%s: KV cannot list devices, and says so', async (mode) => {
    const visitor = createVisitor(demo)
    visitor.jar.set('mode', mode)
    await visitor.post('/sign-in', { name: 'Ada' })
    expect(await visitor.read()).toContain(
      'Workers KV, which keeps the records of this demo, cannot find them',
    )
    const page = await visitor.post('/sign-out-everywhere')
    expect(page).toContain('That needs a signed-in visitor, and sessions in the cookie.')
    expect(page).toContain('Welcome, <bdi>Ada</bdi>')
  })
})

describe('the store calls on the page are those that the store got', () => {
  // In this process, where the clock can be moved and the store says what it was asked. By URL, since the types of a
  // Worker stay out of here.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => void vi.useRealTimers())

  async function open(mode: string) {
    const { default: app } = await import(new URL('../src/index.ts', import.meta.url).href)
    const asked: Parameters<typeof countingBindings>[1] = []
    const env = countingBindings(mode, asked)
    const dispatchFetch = (url: string, init: RequestInit): Response => app.request(url, init, env)
    const visitor = createVisitor({ miniflare: { dispatchFetch } } as unknown as Demo)
    return { asked, visitor }
  }

  function inWords(asked: readonly string[]): string {
    const names = [...new Set(asked)]
    return names.map((name) => `${asked.filter((one) => one === name).length} ${name}`).join(', ')
  }

  test.each([
    { mode: 'store', look: '1 get', later: '1 get' },
    { mode: 'hybrid', look: 'no call', later: '1 get' },
    { mode: 'cookie', look: '1 get', later: '1 get' },
  ])('$mode: a read takes $look, and after a minute $later', async ({ mode, look, later }) => {
    const { asked, visitor } = await open(mode)
    await visitor.post('/sign-in', { name: 'Ada' })
    for (const [seconds, operations] of [
      [0, look],
      [59, look],
      [2, later],
    ] as const) {
      vi.setSystemTime(Date.now() + seconds * 1000)
      asked.length = 0
      const page = await visitor.read('/look')
      // The panel reads the record too, for itself.
      if (mode !== 'cookie') expect(asked.pop()).toBe('get')
      expect(inWords(asked) || 'no call').toBe(operations)
      expect(shown(page, 'store-operations')).toBe(operations)
      expect(shown(page, 'store-calls')).toBe(String(asked.length))
    }
  })

  test.each(modes)('%s: each request on the bill', async (mode) => {
    const { asked, visitor } = await open(mode)
    const expected: Row[] = []
    for (const [path, fields] of [
      ['/cart', { garment: 'coat', change: 'add' }],
      ['/sign-in', { name: 'Ada' }],
      ['/rotate', {}],
      ['/cart', { garment: 'coat', change: 'remove' }],
    ] as const) {
      asked.length = 0
      const sent = held(visitor)
      const answer = await visitor.send(path, {
        method: 'POST',
        headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(fields).toString(),
      })
      const set = octets(answer.headers.getSetCookie().map((field) => field.split(';')[0]!))
      expected.unshift({
        what: `POST ${path}`,
        calls: String(asked.length),
        operations: inWords(asked) || 'no call',
        sent: String(sent),
        set: String(set),
      })
    }
    const page = await visitor.read('/look')
    expect(rows(page, 'requests').slice(1)).toEqual(expected)
  })

  test('the averages are those of the last hundred requests, for each setting', async () => {
    const store = await open('store')
    const cookie = await open('cookie')
    await store.visitor.read()
    for (let i = 0; i < 98; i++) await store.visitor.read('/look')
    const sent = held(store.visitor)
    await store.visitor.read('/look')
    const page = await cookie.visitor.read()
    // One store call for each look; the first page, with its write, is not among them.
    expect(rows(page, 'totals')).toEqual([
      { what: 'store × 99', calls: '1.0', operations: '', sent: String(sent), set: '0' },
      { what: 'cookie × 1', calls: '0.0', operations: '', sent: '0', set: String(held(cookie.visitor)) },
      { what: 'hybrid not yet', calls: '–', operations: '', sent: '–', set: '–' },
    ])
  })
})
