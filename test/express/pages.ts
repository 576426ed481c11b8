import express, { type Express, type NextFunction, type Request } from 'express'
import type { RequestHandler, Response } from 'express'
import type { Cookie, MemoryStore, SessionData, SessionOptions } from 'express-session'
import { implementations, type Implementation } from './implementations.ts'
import { listen } from './listen.ts'
import { Visitor } from './visitor.ts'

type Done = (error?: unknown) => void

/** The session as the pages of these tests use it. Promises are given by the drop-in only. */
export interface PageSession {
  readonly id: string
  cookie: Cookie & { readonly data: Record<string, unknown> }
  touch(): this
  resetMaxAge(): this
  save(done: Done): void
  save(): Promise<void>
  reload(done: Done): void
  reload(): Promise<void>
  regenerate(done: Done): void
  regenerate(): Promise<void>
  destroy(done: Done): void
  destroy(): Promise<void>
  views?: number
  name?: string
  [key: string]: unknown
}

export interface PageRequest extends Omit<Request, 'session'> {
  session: PageSession
}

export type Page = (req: PageRequest, res: Response, next: NextFunction) => unknown

/** The store in memory of either package, which notes what is written and fails where it is told to. */
export class WatchedStore {
  readonly store: MemoryStore & { readonly sessions: Record<string, string> }
  /** The methods that were called to write, in order. */
  readonly writes: string[] = []
  /** By method: the error that it gives. */
  readonly failures: Partial<Record<'get' | 'set' | 'touch' | 'destroy', Error>> = {}

  constructor(session: Implementation) {
    const { failures, writes } = this
    class Watched extends session.MemoryStore {
      override get(sid: string, done: (error: unknown, session?: SessionData | null) => void): void {
        if (failures.get) done(failures.get)
        else super.get(sid, done)
      }
      override set(sid: string, data: SessionData, done?: Done): void {
        writes.push('set')
        if (failures.set) done?.(failures.set)
        else super.set(sid, data, done)
      }
      override touch(sid: string, data: SessionData, done?: () => void): void {
        writes.push('touch')
        if (failures.touch) (done as Done)(failures.touch)
        else super.touch(sid, data, done)
      }
      override destroy(sid: string, done?: Done): void {
        writes.push('destroy')
        if (failures.destroy) done?.(failures.destroy)
        else super.destroy(sid, done)
      }
    }
    this.store = new Watched() as unknown as WatchedStore['store']
  }

  /** The ids of all records. */
  get ids(): readonly string[] {
    return Object.keys(this.store.sessions)
  }

  /** The record under an id, by default the only one. */
  record(
    id: string | undefined = this.ids[0],
  ): Record<string, unknown> & { cookie: Record<string, unknown> } {
    return JSON.parse(this.store.sessions[id ?? ''] ?? 'null')
  }

  /** The calls to write since the last time. */
  takeWrites(): readonly string[] {
    return this.writes.splice(0)
  }
}

/** For what express-session does not do, or does wrong. */
export const dropIn: Implementation = implementations[1]![1]

/** An application that runs, and somebody who visits it. */
export interface Opened {
  readonly app: Express
  readonly origin: string
  readonly visitor: Visitor
  readonly watched: WatchedStore
  /** What came to the error handler. */
  readonly errors: unknown[]
}

export const secret = 'a secret of the express tests'

/** Serves pages, by path, behind the session middleware. `before` may prepare the application. */
export async function openPages(
  session: Implementation,
  pages: Record<string, Page>,
  options: Partial<SessionOptions> = {},
  before: (app: Express) => unknown = () => {},
): Promise<Opened> {
  const watched = new WatchedStore(session)
  const app = express()
  before(app)
  app.use(session({ secret, resave: false, saveUninitialized: false, store: watched.store, ...options }))
  for (const [path, page] of Object.entries(pages)) app.all(path, page as unknown as RequestHandler)
  const errors = answerErrors(app)
  const origin = await listen(app)
  return { app, origin, visitor: new Visitor(origin), watched, errors }
}

/** Answers errors with their messages. @returns What came. */
export function answerErrors(app: Express): unknown[] {
  const errors: unknown[] = []
  app.use((error: unknown, _: Request, res: Response, next: NextFunction) => {
    errors.push(error)
    if (res.headersSent) return next(error)
    return res.status(500).send(error instanceof Error ? error.message : String(error))
  })
  return errors
}
