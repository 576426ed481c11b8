import { createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { OnEvent } from '@coatcheck/core'
import depd from 'depd'
import { checkCookieOptions, isCookieName, type CookieOptions } from './cookie.ts'
import { MemoryStore } from './memory-store.ts'
import { newId } from './new-id.ts'
import type { Secret } from './signature.ts'
import type { AnyExpressStore, ExpressStore } from './store.ts'

/** The attributes of a new session's cookie, chosen for a request. A method, so that it may ask for Express's request. */
type CookieResolver = { resolve(req: IncomingMessage): CookieOptions }['resolve']

/** Options of `session()`: those of express-session, and `compat` and `onEvent`. */
export interface SessionOptions {
  /**
   * Attributes of the cookie, or a function that chooses them for each request (default `{ path: '/', httpOnly: true,
   * maxAge: null }`). Only paths below its `path` have sessions.
   */
  readonly cookie?: CookieOptions | CookieResolver | undefined
  /** Makes the ids of new sessions, each a text that nobody can guess (default 24 random bytes in base64url). */
  genid?(req: IncomingMessage): string
  /** Name of the cookie (default `'connect.sid'`). */
  readonly name?: string | undefined
  /** Old name of `name`, which comes first. */
  readonly key?: string | undefined
  /**
   * What decides whether a request came by https behind a proxy: true takes the first entry of `X-Forwarded-Proto`,
   * false only a TLS socket (default: Express's `req.secure`, set up by its `trust proxy`).
   */
  readonly proxy?: boolean | undefined
  /**
   * Writes sessions that were not changed too (default true with `compat` 1, with a warning; false with 2). Say false,
   * unless records of your store expire and it has no `touch`.
   */
  readonly resave?: boolean | undefined
  /** Sends the cookie of an existing session with each response, so that it lives on in the browser (default false). */
  readonly rolling?: boolean | undefined
  /**
   * Keeps new sessions that nothing was written to, and sends their cookies (default true with `compat` 1, with a
   * warning; false with 2). Say false: then visitors without a session cost nothing.
   */
  readonly saveUninitialized?: boolean | undefined
  /**
   * Signs the cookies: a text, bytes or a KeyObject; of a list, the first signs and all verify. With `compat` 1 it may
   * be missing, with a warning: then `req.secret` of cookie-parser takes its place.
   */
  readonly secret?: Secret | readonly Secret[] | undefined
  /** Keeps the sessions (default a new {@link MemoryStore}, which warns when `NODE_ENV` is `'production'`). */
  readonly store?: AnyExpressStore | undefined
  /** What becomes of the record when `req.session` is null or deleted at the end (default `'keep'`). */
  readonly unset?: 'keep' | 'destroy' | undefined
  /**
   * Whose defaults to take: those of express-session 1, or of its version 2, where `resave` and `saveUninitialized` are
   * false, `secret` must be given and cookie-parser is not asked (default 1).
   */
  readonly compat?: 1 | 2 | undefined
  /** Receives each decision of the library (default none). */
  readonly onEvent?: OnEvent | undefined
}

/** The options, checked, with their defaults. */
export interface Policy {
  /** The object that was given, so that later changes of it count; or a function whose results are checked. */
  readonly cookie: CookieOptions | ((req: IncomingMessage) => CookieOptions)
  readonly genid: (req: IncomingMessage) => unknown
  readonly name: string
  readonly proxy: boolean | undefined
  readonly resave: boolean
  readonly rolling: boolean
  readonly saveUninitialized: boolean
  /** The first signs; empty when each request brings its own, as `req.secret`. */
  readonly secrets: readonly Secret[]
  readonly store: ExpressStore
  readonly unset: 'keep' | 'destroy'
  readonly compat: 1 | 2
  readonly onEvent: OnEvent | undefined
}

const memoryWarning = `Warning: connect.session() MemoryStore is not
made for production: the sessions end with this process and no
other process knows them. Give session() the option store.`

/**
 * Checks the options; throws a `TypeError` that names the first that is wrong and says the remedy.
 *
 * @param deprecate Prints what is deprecated. One of the caller's own makes depd name the caller's caller.
 */
export function readOptions(
  options: SessionOptions = {},
  deprecate: (message: string) => void = warn,
): Policy {
  check(
    typeof options === 'object' && options !== null,
    "options must be an object, such as { secret: '…' }.",
  )
  const { compat = 1, genid = newId, onEvent, proxy, rolling, unset } = options
  check(
    compat === 1 || compat === 2,
    'compat must be 1 or 2: whose defaults to take, of express-session 1 or 2.',
  )
  check(typeof genid === 'function', 'genid option must be a function that returns a new id.')
  check(!unset || unset === 'keep' || unset === 'destroy', 'unset option must be "destroy" or "keep".')
  check(
    onEvent === undefined || typeof onEvent === 'function',
    'onEvent must be a function that takes an event.',
  )
  const cookie = readCookie(options.cookie)
  const name = options.name || options.key || 'connect.sid'
  check(isCookieName(name), "name must be a token without spaces and ;=, such as 'connect.sid'.")
  const { resave, saveUninitialized } = readSaving(options, compat, deprecate)
  const secrets = readSecrets(options.secret, compat, deprecate)
  const store = readStore(options.store)
  if (process.env['NODE_ENV'] === 'production' && store instanceof MemoryStore) console.warn(memoryWarning)
  return Object.freeze({
    cookie,
    genid: (req: IncomingMessage) => genid(req),
    name,
    proxy: typeof proxy === 'boolean' ? proxy : undefined,
    resave,
    rolling: Boolean(rolling),
    saveUninitialized,
    secrets,
    store,
    unset: unset || 'keep',
    compat,
    onEvent,
  })
}

const warn = depd('express-session')

function readCookie(cookie: SessionOptions['cookie']): Policy['cookie'] {
  if (typeof cookie === 'function') {
    return (req) => {
      const options: unknown = cookie(req)
      checkCookieOptions(options)
      return options
    }
  }
  const options: unknown = cookie || {}
  checkCookieOptions(options)
  return options
}

function readSaving(
  options: SessionOptions,
  compat: 1 | 2,
  deprecate: (message: string) => void,
): Pick<Policy, 'resave' | 'saveUninitialized'> {
  const { resave, saveUninitialized } = options
  if (compat === 1 && resave === undefined) deprecate('undefined resave option; provide resave option')
  if (compat === 1 && saveUninitialized === undefined) {
    deprecate('undefined saveUninitialized option; provide saveUninitialized option')
  }
  const otherwise = compat === 1
  return {
    resave: resave === undefined ? otherwise : resave,
    saveUninitialized: saveUninitialized === undefined ? otherwise : saveUninitialized,
  }
}

function readSecrets(
  secret: SessionOptions['secret'],
  compat: 1 | 2,
  deprecate: (message: string) => void,
): readonly Secret[] {
  if (!secret) {
    check(compat === 1, 'secret must be given: a long random text, the same on all servers.')
    deprecate('req.secret; provide secret option')
    return []
  }
  const secrets: readonly Secret[] = Array.isArray(secret)
    ? [...(secret as readonly Secret[])]
    : [secret as Secret]
  check(secrets.length > 0, 'secret option array must contain one or more strings.')
  for (const [index, one] of secrets.entries()) {
    const option = Array.isArray(secret) ? `secret[${index}]` : 'secret'
    // An empty one among others would let anybody sign.
    check(isKey(one), `${option} must be a string that is not empty, a Buffer or a secret KeyObject.`)
  }
  return Object.freeze(secrets)
}

function isKey(secret: Secret): boolean {
  if (!secret || (ArrayBuffer.isView(secret) && secret.byteLength === 0)) return false
  try {
    createHmac('sha256', secret)
    return true
  } catch {
    return false
  }
}

function readStore(store: SessionOptions['store']): ExpressStore {
  if (!store) return new MemoryStore()
  const methods = ['get', 'set', 'destroy', 'on']
  const has = (name: string): boolean => typeof Reflect.get(store, name) === 'function'
  check(
    typeof store !== 'function',
    'store must be an instance, but it is a class or a function: call it, with new if it is a class.',
  )
  check(
    typeof store === 'object',
    'store must be a store of express-session, such as new session.MemoryStore().',
  )
  check(
    has('destroy') || !['get', 'set', 'delete'].every(has) || (store as object) instanceof Map,
    'store is a store of coatcheck: wrap it in toExpressStore(store).',
  )
  const missing = methods.filter((name) => !has(name))
  check(
    missing.length === 0,
    `store must be a store of express-session, but it has no ${missing.join(', no ')}. A promise of a store must be awaited.`,
  )
  return store
}

function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new TypeError(message)
}
