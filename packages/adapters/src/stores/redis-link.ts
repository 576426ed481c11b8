import type { SessionId, StoredRecord } from '@coatcheck/core'
import { answerOf, isUnknownScript } from './redis-faults.ts'
import { redisScripts, slack, type RedisScript, type RedisScripts } from './redis-scripts.ts'

/** Options of the Redis stores. */
export interface RedisOptions {
  /** Stands before each key (default `'session:'`). */
  readonly prefix?: string
  /** How long an answer is waited for, in milliseconds (default 2000); then the call rejects. */
  readonly timeout?: number
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

/** The commands that are needed, whatever the driver. */
export interface RedisCommands {
  hmget(key: string, fields: readonly string[]): Promise<unknown>
  evalsha(sha: string, keys: readonly string[], args: readonly string[]): Promise<unknown>
  eval(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>
}

/** The way to the server: reading a record, and running a script. Both reject in time, saying what failed. */
export interface RedisLink {
  readonly prefix: string
  readonly now: () => number
  /** The record as it lies there, expired or not; null when there is none. */
  read(id: SessionId): Promise<StoredRecord | null>
  run<Answer>(name: keyof RedisScripts, keys: readonly string[], args: readonly string[]): Promise<Answer>
  /** Anything else that is asked of the server. */
  ask(what: string, call: () => Promise<unknown>): Promise<unknown>
}

/** In milliseconds. */
export const defaultTimeout = 2000

const fields = ['payload', 'expiresAt', 'userId', 'version'] as const

/**
 * Stands before each text. Upstash's client takes what looks like JSON for JSON, and a payload is JSON; no JSON
 * begins so. Both doors keep records alike, so an application can use both on the same data.
 */
const mark = ':'

/** Checks the options that the Redis stores share, and makes the commands into reading and running. */
export function redisLink(commands: RedisCommands, options: RedisOptions): RedisLink {
  const { now = Date.now, prefix = 'session:', timeout = defaultTimeout } = options
  if (typeof prefix !== 'string' || !prefix.isWellFormed()) throw new Error('prefix must be a string.')
  if (!(Number.isFinite(timeout) && timeout > 0 && timeout < 2 ** 31)) {
    throw new Error('timeout must be a number of milliseconds above 0, such as 2000.')
  }
  if (typeof now !== 'function') throw new Error('now must be a function that gives milliseconds.')
  const scripts = redisScripts()
  return {
    prefix,
    now,
    read(id) {
      const answer = answerOf(() => commands.hmget(prefix + id, fields), 'read', timeout)
      return answer.then((values) => parseRecord(values, id))
    },
    run<Answer>(name: keyof RedisScripts, keys: readonly string[], args: readonly string[]) {
      const call = (): Promise<unknown> => runScript(commands, scripts[name], keys, args)
      return answerOf(call, name, timeout) as Promise<Answer>
    },
    ask: (what, call) => answerOf(call, what, timeout),
  }
}

/** A server that was restarted or told to forget knows no scripts; it is sent the text, and knows it from then on. */
function runScript(
  commands: RedisCommands,
  script: RedisScript,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  const { digest } = script
  const known =
    digest === null
      ? script.makeDigest().then((sha) => commands.evalsha(sha, keys, args))
      : commands.evalsha(digest, keys, args)
  return known.catch((error: unknown) => {
    if (!isUnknownScript(error)) throw error
    return commands.eval(script.text, keys, args)
  })
}

/** The key of a user's index. It cannot be that of a session: ids have no colon. */
export function userKey({ prefix }: RedisLink, userId: string): string {
  return `${prefix}user${markedText(userId, 'userId')}`
}

/** Stands before the count in the name of each write: random, and drawn at the first, as Workers demand. */
let writer = ''
let writes = 0

function nameOfWrite(): string {
  if (writer === '') writer = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(9))))
  return `${writer}${(writes++).toString(36)}`
}

/** A record as arguments of the write script. */
export function recordArguments({ expiresAt, payload, userId, version }: StoredRecord): string[] {
  const keptUntil = Math.ceil(expiresAt) + slack
  const values = [nameOfWrite(), `${expiresAt}`, `${keptUntil}`, `${version}`, markedText(payload, 'payload')]
  return userId === null ? values : [...values, markedText(userId, 'userId')]
}

/** Half a surrogate pair would become another character on the way, and one user might become another. */
export function markedText(text: string, what: string): string {
  if (text.isWellFormed()) return mark + text
  throw new Error(`The ${what} has half a surrogate pair, which UTF-8 cannot carry.`)
}

function parseRecord(answer: unknown, id: SessionId): StoredRecord | null {
  const values: unknown[] = Array.isArray(answer) ? answer : fields.map((field) => fieldOf(answer, field))
  if (values.every((value) => value == null)) return null
  const [payload, userId] = [unmarked(values[0]), unmarked(values[2])]
  const [expiresAt, version] = [Number(values[1] ?? NaN), Number(values[3] ?? NaN)]
  if (typeof payload === 'string' && userId !== undefined && expiresAt >= 0 && version >= 1) {
    return { payload, expiresAt, userId, version }
  }
  throw new Error(
    `The Redis hash of session ${id} holds something else; give the sessions a prefix of their own.`,
  )
}

/** Upstash's client gives an object for a list of fields. */
function fieldOf(answer: unknown, field: string): unknown {
  return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>)[field] : null
}

/** The text behind the mark; null where there is nothing, undefined where there is something else. */
function unmarked(value: unknown): string | null | undefined {
  if (value == null) return null
  return typeof value === 'string' && value.startsWith(mark) ? value.slice(mark.length) : undefined
}
