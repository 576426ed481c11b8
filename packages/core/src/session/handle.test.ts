import { expect, test } from 'vitest'
import { SessionError } from '../errors.ts'
import type { SessionId } from '../crypto/token.ts'
import { createLifetime } from './lifetime.ts'
import type { SessionRecord } from './record.ts'
import { SessionHandle } from './handle.ts'
import type { Session } from './session.ts'
import { createSessionState, type LiveRecord, type SessionState } from './state.ts'

interface Data {
  views: number
  cart: string[]
  notice: string
}

const minute = 60_000
const now = 1_000 * minute
const lifetime = createLifetime({ idle: '30m', absolute: '8h' })
const id = 'UN6z6XBS3jMUkrV-_GZzbrxfqXIGbCuISZv_9kyuahw' as SessionId

function liveRecord(record: Partial<SessionRecord> = {}, data: Partial<Data> = {}): LiveRecord {
  const values = { ...data }
  const unnamed = { userId: null, auth: null, issuedAt: now - 60 * minute, previous: null }
  const times = { createdAt: now - 60 * minute, authenticatedAt: null, seenAt: now - 10 * minute }
  return { id, version: 3, migrated: false, record: { ...times, ...unnamed, values, ...record } }
}

function open(origin: LiveRecord | null): { readonly session: Session<Data>; readonly state: SessionState } {
  const state = createSessionState(origin, now)
  return { session: new SessionHandle<Data>(state, lifetime), state }
}

test('a new session is empty, belongs to nobody and begins now', () => {
  const { session } = open(null)
  expect(session.isNew).toBe(true)
  expect(session.id).toBeNull()
  expect(session.userId).toBeNull()
  expect(session.createdAt).toEqual(new Date(now))
  expect(session.authenticatedAt).toBeNull()
  expect(session.expiresAt).toEqual(new Date(now + 30 * minute))
  expect(session.keys()).toEqual([])
})

test('a stored session tells what was stored', () => {
  const authenticatedAt = now - 30 * minute
  const { session } = open(liveRecord({ userId: 'ada', authenticatedAt }, { views: 2 }))
  expect(session.isNew).toBe(false)
  expect(session.id).toBe(id)
  expect(session.userId).toBe('ada')
  expect(session.createdAt).toEqual(new Date(now - 60 * minute))
  expect(session.authenticatedAt).toEqual(new Date(authenticatedAt))
  expect(session.get('views')).toBe(2)
})

test('values can be read, written, counted, listed and deleted', () => {
  const { session } = open(liveRecord({}, { views: 1, cart: ['a'] }))
  session.set('views', 5)
  session.update('views', (views = 0) => views + 1)
  session.get('cart')!.push('b')
  expect([session.get('views'), session.get('cart'), session.has('notice')]).toEqual([6, ['a', 'b'], false])
  session.flash('notice', 'hello')
  expect(session.keys()).toEqual(['views', 'cart', 'notice'])
  expect([session.takeFlash('notice'), session.takeFlash('notice')]).toEqual(['hello', undefined])
  session.delete('cart')
  session.set('views', undefined)
  expect(session.keys()).toEqual([])
  session.set('views', 1)
  session.clear()
  expect([session.has('views'), session.id]).toEqual([false, id])
})

test('the session ends at the nearer of its limits, unless another request comes', () => {
  const { session } = open(liveRecord({ createdAt: now - 7.75 * 60 * minute }))
  expect(session.expiresAt).toEqual(new Date(now + 15 * minute))
  session.login('ada')
  expect(session.expiresAt).toEqual(new Date(now + 30 * minute))
})

test('expiresAt promises no more than is enforced when this visit is not going to be recorded', () => {
  // The last recorded visit was a minute ago, less than a tenth of the idle limit, so this one leaves no trace.
  const seenAt = now - minute
  const { session } = open(liveRecord({ seenAt }))
  expect(session.expiresAt).toEqual(new Date(seenAt + 30 * minute))
})

test('login binds a user, and both limits start anew', () => {
  const { session, state } = open(liveRecord({}, { views: 1 }))
  session.login('ada')
  expect([session.userId, state.change?.userId]).toEqual(['ada', 'ada'])
  expect(session.authenticatedAt).toEqual(new Date(now))
  // Until the commit the session has its old id.
  expect([session.id, session.createdAt]).toEqual([id, new Date(now - 60 * minute)])
  expect(session.get('views')).toBe(1)
})

test.each<[string, string | null, string[], boolean]>([
  ['nobody', null, ['ada'], true],
  ['the same user', 'ada', ['ada'], true],
  ['another user', 'bob', ['ada'], false],
  ['the same user, with another in between', 'ada', ['bob', 'ada'], false],
  ['nobody, by two users', null, ['bob', 'ada'], false],
])('login over a session of %s: are the data kept?', (_, before, logins, kept) => {
  const { session } = open(liveRecord({ userId: before }, { views: 1 }))
  session.set('notice', 'before')
  for (const user of logins) session.login(user)
  expect(session.userId).toBe('ada')
  expect(session.keys()).toEqual(kept ? ['views', 'notice'] : [])
  session.set('cart', ['after'])
  expect(session.get('cart')).toEqual(['after'])
})

test.each([[''], ['x'.repeat(256)], ['ann\ud800'], [undefined], [null], [42], [{ id: 'ada' }]])(
  'login(%j) is a mistake, and binds nobody',
  (userId) => {
    const { session } = open(null)
    const login = () => session.login(userId as string)
    expect(login).toThrow(SessionError)
    expect(login).toThrow(expect.objectContaining({ code: 'ERR_SESSION_CONFIG' }))
    expect(session.userId).toBeNull()
  },
)

test('a user id may have 255 characters', () => {
  const { session } = open(null)
  session.login('x'.repeat(255))
  expect(session.userId).toHaveLength(255)
})

test('rotate is noted for the commit, and nothing else changes', () => {
  const { session, state } = open(liveRecord({ userId: 'ada' }, { views: 1 }))
  session.rotate()
  expect(state.rotate).toBe(true)
  expect([session.id, session.userId, session.get('views')]).toEqual([id, 'ada', 1])
})

test('after destroy the handle is a new session, and remembers what it ended', () => {
  const origin = liveRecord({ userId: 'ada', authenticatedAt: now }, { views: 1 })
  const { session, state } = open(origin)
  session.login('bob')
  session.rotate()
  session.destroy()
  expect([session.isNew, session.id, session.userId, session.authenticatedAt]).toEqual([
    true,
    null,
    null,
    null,
  ])
  expect([session.keys(), session.createdAt]).toEqual([[], new Date(now)])
  expect([state.destroy, state.ended, state.change, state.rotate]).toEqual([true, origin, null, false])
  session.set('views', 7)
  session.destroy()
  expect([state.ended, session.keys()]).toEqual([origin, []])
})

test('destroying a new session ends nothing', () => {
  const { session, state } = open(null)
  session.set('views', 1)
  session.destroy()
  expect([state.destroy, state.ended, session.keys()]).toEqual([true, null, []])
})

const reads: Record<string, (session: Session<Data>) => unknown> = {
  isNew: (session) => session.isNew,
  id: (session) => session.id,
  userId: (session) => session.userId,
  createdAt: (session) => session.createdAt,
  authenticatedAt: (session) => session.authenticatedAt,
  expiresAt: (session) => session.expiresAt,
  get: (session) => session.get('views'),
  has: (session) => session.has('views'),
  keys: (session) => session.keys(),
  toJSON: (session) => session.toJSON(),
}
const writes: Record<string, (session: Session<Data>) => unknown> = {
  set: (session) => session.set('views', 2),
  delete: (session) => session.delete('views'),
  clear: (session) => session.clear(),
  update: (session) => session.update('views', () => 2),
  flash: (session) => session.flash('notice', 'x'),
  takeFlash: (session) => session.takeFlash('notice'),
  login: (session) => session.login('ada'),
  rotate: (session) => session.rotate(),
  destroy: (session) => session.destroy(),
}

test('a handle that nobody looks at depends on no cookie', () => {
  expect(open(null).state.accessed).toBe(false)
  expect(open(liveRecord()).state.accessed).toBe(false)
})

test.each(Object.entries({ ...reads, ...writes }))('%s makes the response depend on the cookie', (_, use) => {
  const { session, state } = open(liveRecord({}, { views: 1 }))
  use(session)
  expect(state.accessed).toBe(true)
})

test.each(Object.entries(writes))('after the commit, %s throws instead of being lost', (_, write) => {
  const { session, state } = open(liveRecord({}, { views: 1, notice: 'x' }))
  state.sealed = true
  expect(() => write(session)).toThrow(SessionError)
  expect(() => write(session)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_COMMITTED' }))
  expect([session.get('views'), session.userId, state.rotate, state.destroy]).toEqual([1, null, false, false])
})

test.each(Object.entries(reads))('after the commit, %s still reads', (_, read) => {
  const { session, state } = open(liveRecord({}, { views: 1 }))
  const before = JSON.stringify(read(session))
  state.sealed = true
  expect(JSON.stringify(read(session))).toBe(before)
})

test('an update function is not run on a sealed handle', () => {
  const { session, state } = open(null)
  state.sealed = true
  let ran = false
  expect(() => session.update('views', () => ((ran = true), 1))).toThrow(SessionError)
  expect(ran).toBe(false)
})

test('a session that is printed tells who and when, and never the data', () => {
  const { session } = open(liveRecord({ userId: 'ada' }, { notice: 'private' }))
  expect(JSON.parse(JSON.stringify(session))).toEqual({
    id,
    isNew: false,
    userId: 'ada',
    createdAt: new Date(now - 60 * minute).toISOString(),
    expiresAt: new Date(now + 30 * minute).toISOString(),
  })
  expect(Object.keys(session)).toEqual([])
  expect(JSON.stringify({ ...session })).toBe('{}')
})
