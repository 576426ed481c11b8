import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { mistakes, play, rejections, scenes } from '../../../test/support/scenes.ts'
import { consoleEvents, type EventLevel } from './console-events.ts'
import type { SessionId } from './crypto/token.ts'
import type { SessionEvent } from './manager/events.ts'

const id = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw' as SessionId
const previous = 'kAQ1lq0jRW2X9z0SwYcF-mHkz4yq2bqJc8b3m0n1o2A' as SessionId
const proof = 'b3Jb0Vv1xF0m6dT5wqQ3lGz9rYpKcN8sHaEuXiW7yoM'
const time = '2026-11-21T09:30:00.000Z'

/** A denial for what a client may write as it likes. */
function denied(origin: string): Extract<SessionEvent, { type: 'csrf-denied' }> {
  return {
    type: 'csrf-denied',
    id: null,
    reason: 'cross-origin',
    method: 'POST',
    site: null,
    origin,
    remedy: null,
  }
}

/** The lines that the events become. */
function linesOf(events: readonly SessionEvent[], level: EventLevel = 'debug'): string[] {
  const lines: string[] = []
  const onEvent = consoleEvents({ level, now: () => Date.parse(time), write: (line) => lines.push(line) })
  for (const event of events) onEvent(event)
  return lines
}

test.for<[SessionEvent, string]>([
  [{ type: 'rejected', reason: 'forged', id: null }, 'warn rejected reason=forged'],
  [{ type: 'rejected', reason: 'expired', id }, 'info rejected reason=expired id=UN6z6XBS'],
  [{ type: 'created', id, userId: null }, 'info created id=UN6z6XBS'],
  [{ type: 'updated', id, keys: ['cart', 'views'] }, 'debug updated id=UN6z6XBS keys="cart,views"'],
  [{ type: 'touched', id }, 'debug touched id=UN6z6XBS'],
  [
    { type: 'login', id, previous, userId: 'ann@shop.test' },
    'info login id=UN6z6XBS previous=kAQ1lq0j userId=ann@shop.test',
  ],
  [{ type: 'step-up', id, previous, userId: 'ann' }, 'info step-up id=UN6z6XBS previous=kAQ1lq0j userId=ann'],
  [
    { type: 'act-as', id, previous, userId: 'bob', actor: 'ann' },
    'info act-as id=UN6z6XBS previous=kAQ1lq0j userId=bob actor=ann',
  ],
  [
    { type: 'stop-acting', id, previous, userId: 'ann' },
    'info stop-acting id=UN6z6XBS previous=kAQ1lq0j userId=ann',
  ],
  [{ type: 'rotated', id, previous }, 'info rotated id=UN6z6XBS previous=kAQ1lq0j'],
  [{ type: 'renewed', id, previous }, 'info renewed id=UN6z6XBS previous=kAQ1lq0j'],
  [{ type: 'destroyed', id }, 'info destroyed id=UN6z6XBS'],
  [{ type: 'revoked', id, userId: 'ann', by: 'all' }, 'info revoked id=UN6z6XBS userId=ann by=all'],
  [{ type: 'reused', id }, 'warn reused id=UN6z6XBS'],
  [{ type: 'gone', id }, 'info gone id=UN6z6XBS'],
  [{ type: 'conflict', id, attempt: 2 }, 'debug conflict id=UN6z6XBS attempt=2'],
  [{ type: 'old-key', id, index: 1 }, 'info old-key id=UN6z6XBS index=1'],
  [
    { type: 'insecure', reason: 'plain-http', remedy: 'Session cookies need https.' },
    'warn insecure reason=plain-http remedy="Session cookies need https."',
  ],
  [
    {
      type: 'csrf-denied',
      id: null,
      reason: 'cross-site',
      method: 'POST',
      site: 'cross-site',
      origin: 'https://evil.test',
      remedy: null,
    },
    'warn csrf-denied reason=cross-site method=POST site=cross-site origin=https://evil.test',
  ],
  [{ type: 'withheld', id: null, change: 'create' }, 'warn withheld change=create'],
  [
    { type: 'store-failure', operation: 'get', error: new TypeError('connect ECONNREFUSED') },
    'error store-failure operation=get error="TypeError: connect ECONNREFUSED"',
  ],
  [
    { type: 'key-provider-failure', error: new Error('The vault is sealed.') },
    'error key-provider-failure error="Error: The vault is sealed."',
  ],
  [{ type: 'last-write-wins', consistency: 'eventual' }, 'warn last-write-wins consistency=eventual'],
])('ASVS-16.2.5 an event of the type $0.type is one line that says when, what and whose', ([event, line]) => {
  expect(linesOf([event])).toEqual([`${time} ${line}`])
})

test('without options, what every visit brings about is left out, and lines go to the console', () => {
  const info = vi.spyOn(console, 'info').mockImplementation(() => {})
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const debug = vi.spyOn(console, 'debug').mockImplementation(() => {})
  try {
    const onEvent = consoleEvents()
    onEvent({ type: 'touched', id })
    onEvent({ type: 'destroyed', id })
    onEvent({ type: 'reused', id })
    expect(debug).not.toHaveBeenCalled()
    expect(info).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^\d{4}-.*Z info destroyed id=UN6z6XBS$/),
    )
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/ warn reused id=UN6z6XBS$/))
  } finally {
    vi.restoreAllMocks()
  }
})

test('only lines of the wanted level and above are written', () => {
  const events: SessionEvent[] = [
    { type: 'touched', id },
    { type: 'gone', id },
    { type: 'reused', id },
    { type: 'store-failure', operation: 'set', error: new Error('full') },
  ]
  const counts = (['debug', 'info', 'warn', 'error'] as const).map((level) => linesOf(events, level).length)
  expect(counts).toEqual([4, 3, 2, 1])
})

test.for([
  [
    'a line break',
    'https://a.test\r\n2026-11-21 info login',
    '"https://a.test\\u{d}\\u{a}2026-11-21 info login"',
  ],
  ['a control of the terminal', '\u001b[2J\u009b1m', '"\\u{1b}[2J\\u{9b}1m"'],
  ['a line separator', 'a\u2028b\u2029c', '"a\\u{2028}b\\u{2029}c"'],
  ['a mark of direction', '\u202eevil', '"\\u{202e}evil"'],
  ['half a character', '\ud800', '"\\u{d800}"'],
  ['a quotation mark', '" level=info', '"\\" level=info"'],
  ['a backslash', '\\u{a}', '"\\\\u{a}"'],
] as const)('ASVS-16.4.1 %s from outside is escaped', ([, origin, shown]) => {
  const [line] = linesOf([denied(origin)])
  expect(line).toBe(`${time} warn csrf-denied reason=cross-origin method=POST origin=${shown}`)
})

test('ASVS-16.4.1 whatever comes from outside, an event is one line of printable characters', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 })
  fc.assert(
    fc.property(text, text, text, (origin, userId, message) => {
      const lines = linesOf([
        { ...denied(origin), method: origin, site: userId },
        { type: 'login', id, previous: null, userId },
        { type: 'updated', id, keys: [origin, userId] },
        { type: 'store-failure', operation: 'get', error: new Error(message) },
        { type: 'key-provider-failure', error: message },
      ])
      expect(lines).toHaveLength(5)
      for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    }),
    { seed: 1641, numRuns: 500 },
  )
})

test('a long text from outside is cut', () => {
  const [line] = linesOf([denied('x'.repeat(9999))])
  expect(line!.length).toBeLessThan(400)
})

test('ASVS-16.2.5 an error comes by name and message, without stack, cause, token or password', () => {
  const error = new Error(`redis://app:hunter2@cache.test/0 has ${id}.${proof}`, {
    cause: new Error('cause'),
  })
  const [line] = linesOf([{ type: 'store-failure', operation: 'get', error }])
  expect(line).toBe(
    `${time} error store-failure operation=get error="Error: redis://[hidden]@cache.test/0 has [token]"`,
  )
})

test.for<[unknown, string]>([
  [Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' }), '"AggregateError: ECONNREFUSED"'],
  ['the disk is full', '"the disk is full"'],
  [{ secret: 'x' }, '"a thrown object"'],
  [undefined, '"a thrown undefined"'],
])('what was thrown is named, whatever it is', ([error, shown]) => {
  const [line] = linesOf([{ type: 'store-failure', operation: 'get', error }])
  expect(line).toBe(`${time} error store-failure operation=get error=${shown}`)
})

test.for(Object.entries({ ...scenes, ...rejections, ...mistakes }))(
  'ASVS-16.2.5 no line shows a token or a whole id: %s',
  async ([, scene]) => {
    const { events, rooms, tokens } = await play(scene)
    const lines = linesOf(events)
    expect(lines).toHaveLength(events.length)
    const hidden = [...tokens]
      .flatMap((token) => token.split('.'))
      .concat(rooms.flatMap(({ store }) => [...store.ids]))
    for (const line of lines)
      for (const one of hidden.filter((part) => part.length === 43)) expect(line).not.toContain(one)
  },
)
