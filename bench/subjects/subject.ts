import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Goods } from '../scenarios.ts'

/** What an application runs on. Costs are compared within one host only, over that host's floor. */
export type Host = 'hono' | 'express' | 'node' | 'fetch' | 'fastify' | 'h3'

/** What hosts are called, in the order of the tables. */
export const hostNames: Readonly<Record<Host, string>> = {
  hono: 'Hono',
  express: 'Express 5',
  node: 'node:http',
  fetch: 'fetch handler',
  fastify: 'Fastify',
  h3: 'h3',
}

/** An application that answers the paths of `scenarios.ts`; one of the two at least. */
export interface App {
  readonly fetch?: (request: Request, bindings?: object) => Response | Promise<Response>
  /** On the wire it is preferred to `fetch`, which then runs on @hono/node-server. */
  readonly listener?: (req: IncomingMessage, res: ServerResponse) => void
}

/** One thing to be measured. */
export interface Subject {
  /** Unique within its host. */
  readonly name: string
  readonly host: Host
  /** The bare host, a hand-written minimum, ours, or somebody else's. */
  readonly role: 'floor' | 'limit' | 'coatcheck' | 'peer'
  /** Whose versions are told. */
  readonly packages: readonly string[]
  /** Where the data lie. */
  readonly keeps: 'nothing' | 'memory' | 'redis' | 'cookie'
  /** Whether its cookie is signed or sealed. One that is not still finds nothing under a changed id. */
  readonly signs: boolean
  open(): App | Promise<App>
}

/** The body of an answer. Synchronous where the library is: a promise too many would be counted as its cost. */
export type Text = Maybe<string>

/** What a handler does with the session; each host makes its routes of these. */
export interface Routes<Context> {
  /** Puts the goods into a session, and answers `new`. */
  fill(context: Context, goods: Goods): Text
  /** Answers how many views there are, or `none`. */
  read(context: Context): Text
  /** Adds one view, and answers how many there are. */
  write(context: Context): Text
  /** Notes the user, under another id where there are ids; what was in the session stays. Answers `in`. */
  login(context: Context): Text
}

/** What is there, or will be. */
export type Maybe<Value> = Value | Promise<Value>

/** Goes on with what is there, at once, or with what will be. */
export function after<Value, Result>(
  value: Maybe<Value>,
  use: (value: Value) => Maybe<Result>,
): Maybe<Result> {
  return value instanceof Promise ? value.then(use) : use(value)
}

/** The routes of a floor: the answers, and no session. */
export const bareRoutes: Routes<unknown> = {
  fill: () => 'new',
  read: () => '1',
  write: () => '2',
  login: () => 'in',
}

/** 32 bytes and 64 digits, as each library wants it. It guards nothing. */
export const secret = 'k8sWz2QvN6dXp0Zr5vT9yLq3NbHc7JfGs4Ua6EoI1mP'
