// Records to store, and values that are hard to store.
import type { SessionId, StoredRecord } from '@coatcheck/core'

const hour = 3_600_000

/** An id that no other test has. */
export function newId(): SessionId {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  const text = btoa(String.fromCharCode(...bytes))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') as SessionId
}

/** A record with an hour to live. */
export function recordOf(fields: Partial<StoredRecord> = {}): StoredRecord {
  return { payload: '{}', expiresAt: Date.now() + hour, userId: null, version: 1, ...fields }
}

/** A name that no other table has. */
export function newTable(): string {
  return `t_${newId().replaceAll('-', '_').slice(0, 16)}`.toLowerCase()
}

/** Users who are easily taken for one another, or hard to store. */
export const users: readonly string[] = [
  'käthe',
  'KÄTHE',
  'ka\u0308the',
  'kathe',
  'ann',
  'ann ',
  'ann  ',
  ' ann',
  'Ann',
  'ANN',
  'ann\t',
  'ann\0',
  'ann\n',
  '',
  ' ',
  '\0',
  '\0\0',
  'ß',
  'ss',
  'ẞ',
  'ı',
  'i',
  'İ',
  '\u001B',
  '\u001B0000',
  '%',
  '_',
  '\\',
  "'",
  '"',
  '`',
  '?',
  '$1',
  "' OR '1'='1",
  '1',
  '01',
  '1.0',
  '1e0',
  'null',
  'NULL',
  '\uD800',
  '\uDBFF',
  '\uDC00',
  '\uFFFD',
  '\uFEFF',
  '\uFEFFann',
  '👋',
  '👋🏽',
  '\0'.repeat(255),
  '世'.repeat(255),
  'x'.repeat(255),
  `${'x'.repeat(254)} `,
  '👋'.repeat(127),
]

/** Payloads that are easily damaged on their way. */
export const payloads: readonly string[] = [
  Array.from({ length: 0x300 }, (_, unit) => String.fromCharCode(unit)).join(''),
  '\uFEFF{"bom":true}',
  '\uFFFE\uFFFF',
  '\uD800',
  'a\uDC00b',
  '\uDC00\uD800',
  '\u001B',
  '\u001B0041',
  '\u001B\u001B0000',
  '\0',
  'x\0',
  '?',
  '$1 $2 ?',
  ':id @id',
  '\\\' \\" \\0 \\x00 %s %d',
  '\r\n',
  ' ',
  '  x  ',
  '0',
  '1e3',
  'null',
  '👋'.repeat(50_000),
  '\u2028\u2029',
]
