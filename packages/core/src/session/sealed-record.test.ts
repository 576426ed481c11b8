import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newSessionId, type SessionId } from '../crypto/token.ts'
import type { SessionRecord } from './record.ts'
import { decodeSealed, encodeSealed, type SealedRecord } from './sealed-record.ts'
import type { Values } from './values.ts'

const seed = 20_261_121
const id = newSessionId()
const noon = Date.UTC(2026, 10, 21, 12)

function recordOf(about: Partial<SessionRecord> = {}): SessionRecord {
  const times = { createdAt: noon, seenAt: noon + 1, authenticatedAt: noon, issuedAt: noon + 2 }
  const values = { cart: ['hat'] }
  return { ...times, userId: 'ann', auth: null, previous: null, values, ...about }
}

const sealed = (record = recordOf()): SealedRecord => ({
  id,
  version: 3,
  boundAt: noon,
  until: noon + 9,
  record,
})

describe('what is sealed is what is read again:', () => {
  test('a record of one who is signed in', () => {
    expect(decodeSealed(encodeSealed(sealed()))).toEqual(sealed())
  })

  test('a record of nobody, and one with a login, a former id and somebody who acts as another', () => {
    const auth = {
      handle: 'h',
      amr: ['pwd'],
      aal: 1,
      remember: true,
      label: null,
      client: {},
      idp: null,
      elevation: null,
      actor: 'root',
    } as const
    const previous = { id: newSessionId(), until: noon, first: newSessionId(), turns: 4 }
    for (const record of [
      recordOf({ userId: null, authenticatedAt: null }),
      recordOf({ auth }),
      recordOf({ auth: { ...auth, actor: null }, previous }),
    ]) {
      expect(decodeSealed(encodeSealed(sealed(record)))).toEqual(sealed(record))
    }
  })

  test('any data that are JSON, any user, any times', () => {
    const time = fc.integer({ min: 0, max: 9e15 })
    const about = fc.record({
      data: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
      userId: fc.option(fc.string({ unit: 'binary', minLength: 1 })),
      boundAt: time,
      until: time,
      version: fc.integer({ min: 1, max: 2 ** 31 }),
    })
    fc.assert(
      fc.property(about, ({ data, userId, ...rest }) => {
        // `-0` and keys such as `__proto__` are as JSON has them.
        const values = JSON.parse(JSON.stringify(data)) as Values
        const record = recordOf({ userId, values })
        expect(decodeSealed(encodeSealed({ ...rest, id, record }))).toEqual({ ...rest, id, record })
      }),
      { seed, numRuns: 500 },
    )
  })
})

describe('a text of another format is null:', () => {
  const [head = '', payload = ''] = encodeSealed(sealed()).split('\n')
  const heads: Readonly<Record<string, unknown>> = {
    nothing: null,
    'an object': {},
    'too little': [id],
    'an id that is none': ['ann', 3, noon, noon, 'ann'],
    'an id of another type': [7, 3, noon, noon, 'ann'],
    'no version': [id, null, noon, noon, 'ann'],
    'no time of binding': [id, 3, null, noon, 'ann'],
    'no limit': [id, 3, noon, null, 'ann'],
    'a limit that is a text': [id, 3, noon, '9999999999999', 'ann'],
  }

  test.for(Object.entries(heads))('with %s before the payload', ([, start]) => {
    expect(decodeSealed(`${JSON.stringify(start)}\n${payload}`)).toBeNull()
  })

  test('without a line break, without a payload, and with one of another format', () => {
    for (const text of [
      '',
      '\n',
      head,
      `${head}\n`,
      head + payload,
      `${head}\n{}`,
      `${head}\n${payload.replace('"format":1', '"format":2')}`,
      `${head}\n{"format":1,"successor":"${newSessionId()}","graceUntil":0}`,
      `\n${head}\n${payload}`,
    ]) {
      expect(decodeSealed(text)).toBeNull()
    }
  })

  test('whatever it is, and nothing throws', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.tuple(fc.json(), fc.json()).map(([one, two]) => `${one}\n${two}`),
    )
    fc.assert(
      fc.property(text, (anything) => {
        expect(decodeSealed(anything)).toBeNull()
      }),
      { seed, numRuns: 2000 },
    )
  })
})

test('the limit does not depend on the data', () => {
  const values = { until: 1, 'a\nb': 'c\nd' }
  const text = encodeSealed(sealed(recordOf({ values })))
  expect(text.split('\n')).toHaveLength(2)
  expect(decodeSealed(text)).toMatchObject({ until: noon + 9, id: id satisfies SessionId })
})
