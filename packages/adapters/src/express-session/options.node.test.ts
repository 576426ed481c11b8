import { spawnSync } from 'node:child_process'
import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { memoryStore } from '@coatcheck/core/memory-store'
import type { Request } from 'express'
import expressSession from 'express-session'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MemoryStore } from './memory-store.ts'
import { readOptions, type Policy, type SessionOptions } from './options.ts'
import { Store } from './store.ts'

const needed = { secret: 'keyboard cat', resave: false, saveUninitialized: false } as const
const req = {} as IncomingMessage

/** Options as JavaScript may give them. */
function read(options: object): Policy {
  return readOptions({ ...needed, ...options })
}

let warnings: string[] = []
const listen = (warning: Error): void => void warnings.push(warning.message)
beforeEach(() => {
  warnings = []
  process.on('deprecation', listen)
})
afterEach(() => {
  process.off('deprecation', listen)
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** What was said to be deprecated meanwhile. */
function warningsOf(act: () => unknown): string[] {
  warnings = []
  act()
  return warnings
}

describe('defaults', () => {
  test('are those of express-session', () => {
    const policy = readOptions({ secret: 'keyboard cat' })
    expect(policy).toMatchObject({
      compat: 1,
      cookie: {},
      name: 'connect.sid',
      proxy: undefined,
      resave: true,
      rolling: false,
      saveUninitialized: true,
      secrets: ['keyboard cat'],
      unset: 'keep',
      onEvent: undefined,
    })
    expect(policy.store).toBeInstanceOf(MemoryStore)
    expect(readOptions({ secret: 'x' }).store).not.toBe(policy.store)
    expect(Object.isFrozen(policy)).toBe(true)
  })

  test('with compat 2 are those of its version 2, and nothing is deprecated', () => {
    const warned = warningsOf(() => {
      expect(readOptions({ secret: 'keyboard cat', compat: 2 })).toMatchObject({
        compat: 2,
        resave: false,
        saveUninitialized: false,
      })
      expect(readOptions({ ...needed, resave: true, saveUninitialized: true, compat: 2 })).toMatchObject({
        resave: true,
        saveUninitialized: true,
      })
    })
    expect(warned).toEqual([])
  })

  test('an id is 24 random bytes in base64url, each time others', () => {
    const { genid } = readOptions(needed)
    const ids = Array.from({ length: 50 }, () => genid(req))
    expect(new Set(ids).size).toBe(50)
    for (const id of ids) expect(id).toMatch(/^[\w-]{32}$/)
  })
})

test('each option is heeded', () => {
  const cookie = { maxAge: 5, path: '/a' }
  const onEvent = (): void => {}
  const store = new MemoryStore()
  const genid = vi.fn((_req: IncomingMessage) => 'an id')
  const policy = read({
    cookie,
    genid,
    name: 'sid',
    proxy: true,
    rolling: true,
    store,
    unset: 'destroy',
    onEvent,
  })
  expect(policy).toMatchObject({ name: 'sid', proxy: true, rolling: true, unset: 'destroy' })
  expect([policy.cookie, policy.store, policy.onEvent]).toEqual([cookie, store, onEvent])
  expect(policy.genid(req)).toBe('an id')
  expect(genid).toHaveBeenCalledOnce()
  expect(genid.mock.calls[0]?.[0]).toBe(req)
  expect(read({ resave: true, saveUninitialized: true })).toMatchObject({
    resave: true,
    saveUninitialized: true,
  })
})

test('key is the old name of name', () => {
  expect(read({ key: 'old' }).name).toBe('old')
  expect(read({ key: 'old', name: 'new' }).name).toBe('new')
})

test('only true and false decide about proxies', () => {
  expect([true, false, undefined, null, 1, 'true'].map((proxy) => read({ proxy }).proxy)).toEqual([
    true,
    false,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

test('cookie may be a function of the request, whose results are checked', () => {
  const { cookie } = readOptions({ ...needed, cookie: (req) => ({ path: req.url }) })
  if (typeof cookie !== 'function') throw new Error('is no function')
  expect(cookie({ url: '/a' } as IncomingMessage)).toEqual({ path: '/a' })
  expect(() => cookie({ url: '/a;b' } as IncomingMessage)).toThrow('cookie.path must be')
  const none = read({ cookie: () => undefined }).cookie as (req: IncomingMessage) => unknown
  expect(() => none(req)).toThrow('cookie must be an object')
})

test('later changes of the cookie object count, as some applications make them', () => {
  const options: SessionOptions = { ...needed, cookie: {} }
  const policy = readOptions(options)
  Object.assign(options.cookie!, { secure: true })
  expect(policy.cookie).toEqual({ secure: true })
})

describe('secrets', () => {
  const keys: SessionOptions['secret'][] = [
    'text',
    Buffer.from('bytes'),
    new Uint8Array([1, 2]),
    createSecretKey(Buffer.from('key')),
  ]

  test.for(keys.map((secret) => [secret]))('may be whatever createHmac takes: %s', ([secret]) => {
    expect(read({ secret }).secrets).toEqual([secret])
    expect(read({ secret: ['first', secret] }).secrets).toEqual(['first', secret])
  })

  test('are a copy of the list', () => {
    const secret = ['new', 'old']
    const { secrets } = read({ secret })
    secret.length = 0
    expect(secrets).toEqual(['new', 'old'])
  })

  test.for([
    ['secret[1]', ['new', '']],
    ['secret[0]', [undefined, 'old']],
    ['secret[1]', ['new', Buffer.alloc(0)]],
    ['secret', 5],
    ['secret', {}],
    ['secret', Buffer.alloc(0)],
    ['secret', generateKeyPairSync('ed25519').publicKey],
  ] as const)('%s must be able to sign (%#)', ([option, secret]) => {
    expect(() => read({ secret })).toThrow(`${option} must be a string that is not empty`)
  })

  test('no message shows a secret', () => {
    let message = ''
    try {
      read({ secret: ['keyboard cat', { hidden: 'keyboard cat' }] })
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toContain('secret[1]')
    expect(message).not.toContain('cat')
  })
})

describe('what express-session refuses is refused as it does it', () => {
  test.for([
    [{ genid: 'text' }, 'genid option must be a function'],
    [{ unset: 'drop' }, 'unset option must be "destroy" or "keep"'],
    [{ secret: [] }, 'secret option array must contain one or more strings'],
    [{ store: {} }, null],
  ] as const)('%j', ([options, message]) => {
    const act = (make: (options: never) => unknown) => () => make({ ...needed, ...options } as never)
    expect(act(expressSession as never)).toThrow(message === null ? TypeError : message)
    expect(act(readOptions)).toThrow(TypeError)
    expect(act(readOptions)).toThrow(message ?? 'store must be')
  })
})

test.for([
  [{ cookie: { sameSite: 'laxer' } }, 'cookie.sameSite must be'],
  [{ cookie: 'x' }, 'cookie must be an object'],
  [{ name: 'a b' }, 'name must be a token'],
  [{ key: 5 }, 'name must be a token'],
  [{ compat: 3 }, 'compat must be 1 or 2'],
  [{ onEvent: 'log' }, 'onEvent must be a function'],
  [{ secret: undefined, compat: 2 }, 'secret must be given'],
  [{ secret: '', compat: 2 }, 'secret must be given'],
  [{ store: MemoryStore }, 'it is a class or a function'],
  [{ store: class extends Store {} }, 'it is a class or a function'],
  [{ store: 'redis' }, 'store must be a store of express-session'],
  [{ store: memoryStore() }, 'wrap it in toExpressStore(store)'],
  [{ store: new Map() }, 'it has no destroy, no on'],
  [{ store: new Store() }, 'it has no get, no set, no destroy'],
  [{ store: Promise.resolve(new MemoryStore()) }, 'it has no get, no set, no destroy, no on'],
] as const)('%j: %s', ([options, message]) => {
  const act = (): unknown => read(options)
  expect(act).toThrow(TypeError)
  expect(act).toThrow(message)
})

test.for([null, 'keyboard cat', 5] as const)('options that are %s are refused', (options) => {
  expect(() => readOptions(options as never)).toThrow('options must be an object')
})

test('what is falsy is as good as left out', () => {
  const nothing = {
    cookie: null,
    name: '',
    key: null,
    store: null,
    unset: '',
    onEvent: undefined,
    genid: undefined,
  }
  const policy = read(nothing)
  expect(policy).toMatchObject({ cookie: {}, name: 'connect.sid', unset: 'keep' })
  expect(policy.store).toBeInstanceOf(MemoryStore)
})

describe('deprecated', () => {
  test.for([{}, { resave: false }, { saveUninitialized: false }, { secret: 'x' }, { secret: '' }, needed])(
    'is what express-session calls so: %j',
    (options) => {
      const warned = warningsOf(() => readOptions(options))
      expect(warned).toEqual(warningsOf(() => expressSession(options as never)))
    },
  )

  test('without a secret there is none to verify by, so each request brings its own', () => {
    expect(readOptions({ resave: false, saveUninitialized: false }).secrets).toEqual([])
  })

  test('the caller may say it in its own name', () => {
    const deprecate = vi.fn()
    const warned = warningsOf(() => readOptions({ secret: 'x', resave: false }, deprecate))
    expect(warned).toEqual([])
    expect(deprecate).toHaveBeenCalledExactlyOnceWith(
      'undefined saveUninitialized option; provide saveUninitialized option',
    )
  })

  test('NO_DEPRECATION=express-session keeps it quiet', () => {
    // In a process of its own: depd reads the environment once, when it is loaded.
    const said = ['', 'express-session'].map((ignored) => {
      const script = `const { readOptions } = await import(${JSON.stringify(new URL('./options.ts', import.meta.url))}); readOptions()`
      const run = spawnSync(
        process.execPath,
        ['--conditions=coatcheck-source', '--input-type=module', '--eval', script],
        { encoding: 'utf8', env: { ...process.env, NO_DEPRECATION: ignored } },
      )
      expect(run.status, run.stderr).toBe(0)
      return run.stderr
    })
    expect(said[0]).toContain('express-session deprecated req.secret; provide secret option')
    expect(said[1]).toBe('')
  })
})

describe('MemoryStore in production', () => {
  test.for([undefined, new MemoryStore()])('is warned of, in three lines (%#)', (store) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.stubEnv('NODE_ENV', 'production')
    read({ store })
    expect(warn).toHaveBeenCalledOnce()
    const [warning] = warn.mock.calls[0] as [string]
    expect(warning).toMatch(/^Warning: connect\.session\(\) MemoryStore is not\n.+\n.+$/)
  })

  test('is not in development, and other stores are never', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    read({})
    vi.stubEnv('NODE_ENV', 'production')
    const { get, set, destroy } = new MemoryStore()
    read({ store: Object.assign(new EventEmitter(), { get, set, destroy }) })
    expect(warn).not.toHaveBeenCalled()
  })
})

test('the types take what people have', () => {
  interface Augmented {
    cookie: expressSession.Cookie
    views: number
  }
  class Typed extends EventEmitter {
    get(_sid: string, _callback: (error: Error | null, session?: Augmented | null) => void): void {}
    set(_sid: string, _session: Augmented, _callback?: (error?: Error) => void): void {}
    destroy(_sid: string, _callback?: () => void): void {}
  }
  const options: SessionOptions[] = [
    { store: new Typed() },
    { store: new expressSession.MemoryStore() },
    { store: new MemoryStore() },
    { genid: (req: Request) => req.hostname, cookie: (req: Request) => ({ secure: req.secure }) },
    // @ts-expect-error -- a store of coatcheck has to be wrapped
    { store: memoryStore() },
    // @ts-expect-error -- a class is no store
    { store: MemoryStore },
    // @ts-expect-error -- a base class keeps nothing
    { store: new Store() },
  ]
  expect(options).toHaveLength(7)
})
