import { describe, expect, test } from 'vitest'
import { Browser } from '../../../test/support/browser.ts'
import { openCloakroom } from '../../../test/support/cloakroom.ts'
import { createCsrf, type CsrfSession } from './csrf.ts'

// The whole table, written down by hand: nothing here is computed as the library does it.

const origins = {
  absent: null,
  own: 'https://shop.test',
  'other port': 'https://shop.test:8443',
  'http twin': 'http://shop.test',
  sibling: 'https://blog.shop.test',
  null: 'null',
  junk: 'shop.test',
  trusted: 'https://partner.test',
}

const sites = {
  absent: null,
  'same-origin': 'same-origin',
  'same-site': 'same-site',
  'cross-site': 'cross-site',
  none: 'none',
  empty: '',
  list: 'same-origin, cross-site',
}

/** One letter for each origin, in their order: `+` passes, `-` is refused, `?` passes only without our cookie. */
const verdicts: Record<keyof typeof sites, string> = {
  //            ┌ absent
  //            │ own
  //            │ │ other port
  //            │ │ │ http twin
  //            │ │ │ │ sibling
  //            │ │ │ │ │ null
  //            │ │ │ │ │ │ junk
  //            │ │ │ │ │ │ │ trusted
  absent: '     ? + - - - - - +',
  empty: '      ? + - - - - - +',
  'same-origin': '+ + + + + + + +',
  none: '       + + + + + + + +',
  'same-site': '- - - - - - - +',
  'cross-site': '- - - - - - - +',
  list: '       - - - - - - - +',
}

/** What kind of route is asked for, and how. */
const kinds = {
  plain: { path: '/', upgrade: null },
  websocket: { path: '/', upgrade: 'WebSocket' },
  sensitive: { path: '/delete', upgrade: null },
  exempt: { path: '/hooks/stripe', upgrade: null },
}

/** `x` where a request is judged at all. */
const judged: Record<string, Record<keyof typeof kinds, 'x' | ' '>> = {
  GET: { plain: ' ', websocket: 'x', sensitive: 'x', exempt: ' ' },
  HEAD: { plain: ' ', websocket: 'x', sensitive: 'x', exempt: ' ' },
  OPTIONS: { plain: ' ', websocket: 'x', sensitive: 'x', exempt: ' ' },
  POST: { plain: 'x', websocket: 'x', sensitive: 'x', exempt: ' ' },
  PUT: { plain: 'x', websocket: 'x', sensitive: 'x', exempt: ' ' },
  PATCH: { plain: 'x', websocket: 'x', sensitive: 'x', exempt: ' ' },
  DELETE: { plain: 'x', websocket: 'x', sensitive: 'x', exempt: ' ' },
  CONNECT: { plain: 'x', websocket: 'x', sensitive: 'x', exempt: ' ' },
  TRACE: { plain: 'x', websocket: 'x', sensitive: 'x', exempt: ' ' },
  get: { plain: 'x', websocket: 'x', sensitive: 'x', exempt: ' ' },
}

interface Row {
  readonly site: keyof typeof sites
  readonly origin: keyof typeof origins
  readonly cookie: boolean
}

const rows = (Object.keys(sites) as Row['site'][]).flatMap((site) =>
  (Object.keys(origins) as Row['origin'][]).flatMap((origin) =>
    [false, true].map((cookie): Row => ({ site, origin, cookie })),
  ),
)

function expected({ site, origin, cookie }: Row): boolean {
  const letter = verdicts[site].replaceAll(' ', '')[Object.keys(origins).indexOf(origin)]
  return letter === '+' || (letter === '?' && !cookie)
}

async function sessions(): Promise<{ known: CsrfSession; stranger: CsrfSession }> {
  const room = openCloakroom()
  const known = await room.load(await room.welcome())
  return { known, stranger: await room.load(new Browser()) }
}

const csrf = createCsrf({
  trustedOrigins: ['https://partner.test'],
  sensitive: ['/delete'],
  exempt: ['/hooks/*'],
  onEvent: () => {},
})

/** The rows that are not as they should be. */
async function surprises(method: string, kind: keyof typeof kinds): Promise<string[]> {
  const { known, stranger } = await sessions()
  const { path, upgrade } = kinds[kind]
  const wrong: string[] = []
  for (const row of rows) {
    const headers = new Map<string, string | null>([
      ['sec-fetch-site', sites[row.site]],
      ['origin', origins[row.origin]],
      ['upgrade', upgrade],
      ['host', 'shop.test'],
      // Whoever sends it, it is not believed.
      ['x-forwarded-host', 'blog.shop.test'],
    ])
    const request = {
      method,
      url: `https://shop.test${path}`,
      headers: { get: (name: string) => headers.get(name) ?? null },
    }
    const { allowed } = await csrf.check(request, row.cookie ? known : stranger)
    const should = judged[method]![kind] === ' ' || expected(row)
    if (allowed !== should) wrong.push(`${JSON.stringify(row)} was ${allowed ? 'allowed' : 'refused'}`)
  }
  return wrong
}

const cases = Object.keys(judged).flatMap((method) =>
  (Object.keys(kinds) as (keyof typeof kinds)[]).map((kind) => ({ method, kind })),
)
const clauses = {
  plain: 'ASVS-3.5.1',
  websocket: 'ASVS-4.4.2',
  sensitive: 'ASVS-3.5.3',
  exempt: 'ASVS-3.5.1',
}

describe('every combination of Sec-Fetch-Site, Origin and cookie', () => {
  test.for(cases.map((one) => ({ clause: clauses[one.kind], ...one })))(
    '$clause is judged as the table says: $method, $kind',
    async ({ kind, method }) => {
      expect(await surprises(method, kind)).toEqual([])
    },
  )

  test('the table has 4480 rows, and no two are the same', () => {
    expect(cases.length * rows.length).toBe(4480)
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(rows.length)
    for (const line of Object.values(verdicts)) {
      expect(line.replaceAll(' ', '')).toHaveLength(Object.keys(origins).length)
    }
  })
})
