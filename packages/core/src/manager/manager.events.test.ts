import { afterEach, describe, expect, test, vi } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { hour, openCloakroom, secret, typesOf } from '../../../../test/support/cloakroom.ts'
import { play, rejections, scenes } from '../../../../test/support/scenes.ts'
import type { OnEvent, SessionEvent } from '../index.ts'
import { createSessionManager } from '../index.ts'
import { memoryStore } from '../memory-store.ts'

describe('the vocabulary', () => {
  test.for(Object.entries(scenes))(
    'ASVS-16.3.1 ASVS-16.3.4 %s is said where it happens',
    async ([type, scene]) => {
      expect(typesOf((await play(scene)).events)).toContain(type)
    },
  )

  test.for(Object.entries(rejections))(
    'ASVS-16.3.3 rejected: %s is said where it happens',
    async ([reason, scene]) => {
      const { events } = await play(scene)
      const ids =
        reason === 'malformed' || reason === 'forged' || reason === 'ambiguous' || reason === 'oversized'
      expect(events.at(-1)).toEqual({ type: 'rejected', reason, id: ids ? null : expect.any(String) })
    },
  )
})

describe('a faulty hook', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('that throws is printed and harms no request', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {})
    const fault = new Error('The log is full.')
    const types: string[] = []
    const room = openCloakroom({
      onEvent({ type }) {
        types.push(type)
        throw fault
      },
    })
    const browser = new Browser()
    await room.visit(browser, (session) => session.set('views', 1))
    await room.visit(browser, (session) => session.login('ann'))
    await room.visit(browser, (session) => session.rotate())
    room.wait(20 * hour)
    const { value } = await room.visit(browser, (session) => [session.userId, session.get('views')])
    expect(value).toEqual(['ann', 1])
    await room.visit(browser, (session) => session.destroy())
    room.store.failWhen(() => 'fails')
    const visit = room.visit(browser, (session) => session.set('views', 1))
    await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
    for (const type of ['created', 'login', 'rotated', 'touched', 'destroyed', 'store-failure']) {
      expect(types).toContain(type)
    }
    expect(print.mock.calls).toEqual(types.map(() => [expect.any(String), fault]))
  })

  test('that is asynchronous and rejects does not end the process: its rejection is handled', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    let handled = false
    const rejection = {
      // oxlint-disable-next-line unicorn/no-thenable -- stands for the promise of an async hook
      then(_fulfilled: unknown, rejected: unknown) {
        handled = typeof rejected === 'function'
      },
    }
    const room = openCloakroom({ onEvent: () => rejection })
    await room.visit(new Browser(), (session) => session.set('views', 1))
    expect(handled).toBe(true)
  })
})

describe('a store that cannot write on a condition', () => {
  const { compareAndSet: _, ...plain } = memoryStore()

  test('is announced once, when the manager is made', async () => {
    const events: SessionEvent[] = []
    const onEvent: OnEvent = (event) => events.push(event)
    const sessions = createSessionManager({ secrets: [secret], store: plain, onEvent })
    expect(events).toEqual([{ type: 'last-write-wins', consistency: 'immediate' }])
    await sessions.load(new Browser().request())
    expect(events).toHaveLength(1)
  })

  test('is announced as eventual where a write may be invisible for a while', () => {
    const events: SessionEvent[] = []
    const store = { ...plain, consistency: 'eventual' } as const
    createSessionManager({ secrets: [secret], store, onEvent: (event) => events.push(event) })
    expect(events).toEqual([{ type: 'last-write-wins', consistency: 'eventual' }])
  })

  test('is not announced when it can', () => {
    const events: SessionEvent[] = []
    createSessionManager({ secrets: [secret], store: memoryStore(), onEvent: (event) => events.push(event) })
    expect(events).toEqual([])
  })
})
