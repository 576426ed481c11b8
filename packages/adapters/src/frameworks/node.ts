/// <reference types="node" />
import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import {
  SessionError,
  StepUpError,
  type LoadOptions,
  type NodeResponse,
  type Session,
  type SessionHeaders,
  type SessionManager,
} from '@coatcheck/core'
import { appendCookie } from './append-cookie.ts'
import type { LegacySession, LegacySessions, LegacyTicket } from './legacy-sessions.ts'
import { sessionRequest, type NodeRequest } from './node-request.ts'
import { beginAnew } from './open-head.ts'
import { gateResponse, type ResponseHooks } from './response-gate.ts'

export type { NodeRequest } from './node-request.ts'

/** A response whose head can be held back. */
export type NodeServerResponse = ServerResponse | Http2ServerResponse

/** Options of {@link withSession}. */
export interface WithSessionOptions<Req, Res, Data extends object> extends LoadOptions {
  /** Sessions of another library that are to go on, for example `expressSessions(…)` (default: none). */
  readonly legacy?: LegacySessions<Data>
  /**
   * Answers a request that failed: the handler threw, the store cannot be reached, or a value cannot be kept. Nothing
   * of the handler's response has been sent unless `res.headersSent` says so (default: prints the error, and sends
   * status 500 or cuts the connection).
   */
  readonly onError?: (error: unknown, req: Req, res: Res) => void
}

/**
 * Wraps a request listener of node:http, node:https or node:http2 (compatibility API): the session is loaded before it,
 * and committed before the head of the response is sent. A listener that throws commits nothing.
 *
 * @example
 * createServer(withSession(sessions, (req, res, session) => res.end(`Hello ${session.userId ?? 'stranger'}`)))
 */
export function withSession<
  Data extends object,
  Req extends NodeRequest = NodeRequest,
  Res extends NodeServerResponse = ServerResponse,
>(
  manager: SessionManager<Data>,
  handler: (req: Req, res: Res, session: Session<Data>) => unknown,
  options: WithSessionOptions<Req, Res, Data> = {},
): (req: Req, res: Res) => void {
  const { onError = answerError } = options
  async function answer(req: Req, res: Res): Promise<void> {
    let session: Session<Data> | undefined
    try {
      const onFailure = (error: unknown): void => onError(error, req, res)
      const attached = attachNow(manager, req, res, options, onFailure)
      // Without a turn of the event loop, where none is needed.
      session = attached instanceof Promise ? await attached : attached
      await handler(req, res, session)
    } catch (error) {
      if (session !== undefined) manager.discard(session)
      if (!res.headersSent) beginAnew(res as ServerResponse)
      onError(error, req, res)
    }
  }
  return (req, res) => void answer(req, res)
}

/** Options of {@link attachSession}. */
export interface AttachSessionOptions<Data extends object> extends LoadOptions {
  /** Sessions of another library that are to go on (default: none). */
  readonly legacy?: LegacySessions<Data> | undefined
  /** Called when the commit failed: nothing has been sent, the response is free for an error page. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Loads the session of a request and has it committed before the head of its response is sent. For frameworks on
 * Node; call it before anything is written. Rejects with `ERR_SESSION_STORE` when the store fails, and with
 * `ERR_SESSION_CONFIG` when it comes twice or too late.
 */
export async function attachSession<Data extends object>(
  manager: SessionManager<Data>,
  req: NodeRequest,
  res: NodeServerResponse,
  options: AttachSessionOptions<Data>,
): Promise<Session<Data>> {
  return attachNow(manager, req, res, options, options.onFailure)
}

/** As {@link attachSession}, but with a promise only where it has to wait; and what that rejects with, this may throw. */
export function attachNow<Data extends object>(
  manager: SessionManager<Data>,
  req: NodeRequest,
  res: NodeServerResponse,
  options: Omit<AttachSessionOptions<Data>, 'onFailure'>,
  onFailure: (error: unknown) => void,
): Session<Data> | Promise<Session<Data>> {
  assertAttachable(manager, res)
  const loaded = manager.now.load(sessionRequest(req), options)
  const ticket = options.legacy?.find(req.headers) ?? null
  if (ticket === null && !(loaded instanceof Promise)) return gated(manager, loaded, res, onFailure)
  return attachLater(manager, loaded, ticket, res, onFailure)
}

async function attachLater<Data extends object>(
  manager: SessionManager<Data>,
  loading: Session<Data> | Promise<Session<Data>>,
  ticket: LegacyTicket<Data> | null,
  res: NodeServerResponse,
  onFailure: (error: unknown) => void,
): Promise<Session<Data>> {
  const session = await loading
  const isTaken = ticket !== null && session.isNew && takeOver(session, await ticket.read())
  return gated(manager, session, res, onFailure, isTaken ? ticket : null)
}

/** Puts the gate on a response; what is loaded is committed there. */
function gated<Data extends object>(
  manager: SessionManager<Data>,
  session: Session<Data>,
  res: NodeServerResponse,
  onFailure: (error: unknown) => void,
  ticket: LegacyTicket<Data> | null = null,
): Session<Data> {
  gateResponse(res as ServerResponse, new CommitHooks(manager, session, res, ticket, onFailure))
  return session
}

/** Commits a session when the head of its response has been decided. A class for the reason that `OpenHead` is one. */
class CommitHooks<Data extends object> implements ResponseHooks {
  readonly #manager: SessionManager<Data>
  readonly #session: Session<Data>
  readonly #res: NodeServerResponse
  /** Of the session that it takes the place of. */
  readonly #ticket: LegacyTicket<Data> | null
  readonly onFailure: (error: unknown) => void

  constructor(
    manager: SessionManager<Data>,
    session: Session<Data>,
    res: NodeServerResponse,
    ticket: LegacyTicket<Data> | null,
    onFailure: (error: unknown) => void,
  ) {
    this.#manager = manager
    this.#session = session
    this.#res = res
    this.#ticket = ticket
    this.onFailure = onFailure
  }

  beforeHead(head: NodeResponse): void | Promise<void> {
    const status = this.#res.statusCode
    let committed: SessionHeaders | Promise<SessionHeaders>
    try {
      committed = this.#manager.now.commit(this.#session, { status })
    } catch (error) {
      committed = this.#failed(error, status)
    }
    if (committed instanceof Promise || this.#ticket !== null) return this.#finish(committed, status, head)
    committed.applyTo(head)
  }

  async #finish(
    committing: SessionHeaders | Promise<SessionHeaders>,
    status: number,
    head: NodeResponse,
  ): Promise<void> {
    let headers: SessionHeaders
    try {
      headers = await committing
    } catch (error) {
      headers = this.#failed(error, status)
    }
    const moved = this.#session.id === null ? null : this.#ticket
    // First: when this fails, the old session is to be taken over again, and not to live beside the new one.
    if (moved !== null) await moved.end()
    headers.applyTo(head)
    if (moved !== null) appendCookie(head, moved.removeCookie)
  }

  /** An error page goes out all the same: a failure on top of it would hide it. */
  #failed(error: unknown, status: number): SessionHeaders {
    if (status < 500) throw error
    return this.#manager.discard(this.#session)
  }
}

/** Puts into a new session what another library has kept. @returns Whether there was anything. */
function takeOver<Data extends object>(session: Session<Data>, former: LegacySession<Data> | null): boolean {
  if (former === null) return false
  if (former.userId !== null) session.login(former.userId)
  for (const key of Object.keys(former.data) as (keyof Data & string)[]) session.set(key, former.data[key])
  return true
}

/** The managers that a response has been attached to; a second session of one would answer with a cookie of its own. */
const attachedTo = Symbol('coatcheck.attachedTo')

interface Attachable {
  [attachedTo]?: readonly object[]
}

function assertAttachable(manager: object, res: NodeServerResponse): void {
  const attachable = res as Attachable
  const managers = attachable[attachedTo]
  const fault = managers?.includes(manager)
    ? 'The session middleware is mounted twice: this request has its session already.'
    : res.headersSent
      ? 'The session came too late: the head of the response has been sent. Attach it before anything is written.'
      : null
  if (fault !== null) throw new SessionError('ERR_SESSION_CONFIG', fault)
  attachable[attachedTo] = managers === undefined ? [manager] : [...managers, manager]
}

function answerError(error: unknown, _: unknown, res: NodeServerResponse): void {
  const expected = error instanceof StepUpError
  if (!expected) console.error(error)
  if (res.headersSent && !res.writableEnded) return void (res as ServerResponse).destroy()
  if (res.headersSent) return
  res.setHeader('Content-Type', 'text/plain; charset=utf-8')
  res.statusCode = expected ? error.status : 500
  if (expected) res.setHeader('WWW-Authenticate', 'Cookie')
  res.end(expected ? 'Unauthorized' : 'Internal Server Error')
}
