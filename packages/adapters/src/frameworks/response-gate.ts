// The head of a Node response leaves with the first call of writeHead, write, end or flushHeaders, and cannot be changed
// or taken back afterwards. The gate stands in front of these four: it lets a hook finish first, keeps what is called
// meanwhile in order, and behaves towards the handler as if the head had gone already.
import type { ServerResponse } from 'node:http'
import type { NodeResponse } from '@coatcheck/core'
import { describingHeaders } from './describing-headers.ts'
import { OpenHead } from './open-head.ts'
import { isHttp1, pretendEnded, pretendSent } from './pretence.ts'

/** What is to happen before a response goes out. A hook that returns no promise holds nothing up. */
export interface ResponseHooks {
  /** Runs once, when the handler has decided the head; the last chance to change it, by way of `head`. */
  beforeHead(head: NodeResponse): void | Promise<void>
  /** Runs once before the end is sent, unless head and end came by one call and nothing can have happened between. */
  beforeEnd?(): void | Promise<void>
  /**
   * A hook failed. When the head had not been sent, nothing has been: the response is free for an error page, with
   * status 500. Otherwise the connection has been closed, so that nobody takes the page for whole.
   */
  onFailure(error: unknown): void
}

/** `announcing`: wrappers outside get to see an implicit head; `held`: a hook runs; `failed`: what still comes is dropped. */
type Phase = 'undecided' | 'announcing' | 'held' | 'sending' | 'failed'

/** The methods of a response without their overloads. */
type Method = (...args: unknown[]) => unknown
type GatedMethods = Record<'end' | 'flushHeaders' | 'write' | 'writeHead', Method>

type Held = readonly [run: () => unknown, args: readonly unknown[]]

/** Puts a gate on a response of node:http, node:https or the compatibility layer of node:http2. */
export function gateResponse(res: ServerResponse, hooks: ResponseHooks): void {
  const response = res as unknown as GatedMethods
  const { end, flushHeaders, write, writeHead } = response
  let phase: Phase = 'undecided'
  let held: Held[] | null = null
  let ended = false
  let failure: unknown
  let heldBytes = 0
  let pretending = false

  let head: NodeResponse | null = null

  function pretend(on: boolean): void {
    pretending = on
    pretendSent(res, on)
    // Not by Node's own `finished`: a closing server cuts connections by it, and what streams below write is refused.
    pretendEnded(res, on && ended)
  }

  function whileOpen(change: () => unknown): void {
    if (!pretending) return void change()
    pretend(false)
    try {
      change()
    } finally {
      pretend(true)
    }
  }

  /** Runs a hook; what the handler does until it has settled is kept. */
  function pass(hook: ResponseHooks['beforeHead'] | undefined): void {
    phase = 'held'
    try {
      const pending = hook?.call(hooks, (head ??= new OpenHead(res, whileOpen)))
      if (pending === undefined) return void (phase = 'sending')
      pretend(true)
      pending.then(release, fail)
    } catch (error) {
      fail(error)
    }
  }

  /** The next in turn; none while a hook runs again, before the end. */
  function take(): Held | undefined {
    return phase === 'sending' ? held?.shift() : undefined
  }

  function release(): void {
    const owesDrain = heldBytes >= res.writableHighWaterMark && !ended
    pretend(false)
    phase = 'sending'
    let flowing: unknown = true
    try {
      for (let next = take(); next !== undefined; next = take()) flowing = send(next[0])
    } catch (error) {
      return fail(error)
    }
    // Node owes the event itself when its own buffer is full.
    if (owesDrain && flowing !== false) process.nextTick(() => res.emit('drain'))
  }

  function fail(error: unknown): void {
    phase = 'failed'
    failure = error
    pretend(false)
    // What was put on top of the gate has seen the end of a response that never was.
    Object.assign(res, { end: untilEnded(end), flushHeaders, write: untilEnded(write), writeHead })
    if (!res.headersSent) beginAnew(res)
    // To node:http the error would be the client's; in node:http2 it tells the client that the page is not whole.
    else res.destroy(isHttp1(res) ? undefined : (error as Error))
    for (const [, args] of held?.splice(0) ?? []) drop(args)
    hooks.onFailure(error)
  }

  function drop(args: readonly unknown[]): false {
    const callback = args.findLast((argument) => typeof argument === 'function')
    if (callback !== undefined) process.nextTick(callback, failure)
    return false
  }

  /** A handler that has not noticed goes on; behind the end of the error page, Node would raise an error for that. */
  function untilEnded(method: Method): Method {
    return (...args) => (res.writableEnded ? drop(args) : method.apply(res, args))
  }

  /** Wrappers outside have seen the head when it was decided; Node must not call them for it again. */
  function send(run: () => unknown): unknown {
    const outside = response.writeHead
    response.writeHead = writeHead
    try {
      return run()
    } finally {
      // Unless a gate below has failed, and has taken all away.
      if (response.writeHead === writeHead) response.writeHead = outside
    }
  }

  /** The handler has decided the head, by whichever method. */
  function decide(): void {
    // Listeners for the head (on-headers and its like) are wrappers around this one; they come before the hook.
    if (response.writeHead !== gatedWriteHead) {
      phase = 'announcing'
      try {
        res.writeHead(res.statusCode)
      } finally {
        phase = 'undecided'
      }
    }
    pass(hooks.beforeHead)
  }

  /** Runs what the handler called, now or when it may. @returns Its result, or `meanwhile`. */
  function inTurn(run: () => unknown, args: readonly unknown[], meanwhile: unknown): unknown {
    if (phase === 'undecided') decide()
    if (phase === 'sending') return send(run)
    if (phase === 'held') (held ??= []).push([run, args])
    else drop(args)
    return meanwhile
  }

  function gatedWriteHead(...args: unknown[]): unknown {
    const [status, second] = args
    const reason = typeof second === 'string' ? [second] : []
    if (phase === 'held')
      throw Object.assign(new Error('The head has been sent.'), { code: 'ERR_HTTP_HEADERS_SENT' })
    if (phase === 'failed') return res
    if (!(Number(status) >= 100 && Number(status) <= 999)) return writeHead.apply(res, args)
    // The fields were set when the head was decided; setting them again would undo what the hook did.
    if (phase === 'sending') return writeHead.call(res, status, ...reason)
    res.statusCode = Number(status)
    setFields(res, args[2] ?? second)
    if (phase === 'announcing') return res
    pass(hooks.beforeHead)
    return inTurn(() => writeHead.call(res, status, ...reason), [], res)
  }

  function finish(args: readonly unknown[], hook: ResponseHooks['beforeEnd']): unknown {
    const run = (): unknown => end.apply(res, [...args])
    pass(hook)
    if (phase === 'sending') return run()
    if (phase === 'held') (held ??= []).unshift([run, args])
    else drop(args)
    return res
  }

  response.writeHead = gatedWriteHead
  response.flushHeaders = () => void inTurn(() => flushHeaders.call(res), [], undefined)
  response.write = (...args) => {
    // What Node refuses is refused at once, and decides nothing.
    if (!isChunk(args[0]) && phase !== 'failed') return write.apply(res, args)
    const flowing = inTurn(() => write.apply(res, args), args, false)
    if (phase !== 'held') return flowing
    // As much is taken as Node would: a stream below (compression's) that has room for all of it drains unasked.
    heldBytes += Buffer.byteLength(args[0] as string, args[1] as BufferEncoding)
    return heldBytes < res.writableHighWaterMark && !ended
  }
  response.end = (...args) => {
    const [chunk] = args
    if (Boolean(chunk) && typeof chunk !== 'function' && !isChunk(chunk)) return end.apply(res, args)
    const hook = phase === 'undecided' ? undefined : hooks.beforeEnd
    // A second end can send nothing. With bytes Node would make it an error that ends the process.
    const callbacks = args.filter((argument) => typeof argument === 'function')
    const run = ended ? () => end.apply(res, callbacks) : () => finish(args, hook)
    ended = true
    const result = inTurn(run, args, res)
    if (pretending) pretend(true)
    return result
  }
}

function isChunk(chunk: unknown): boolean {
  return typeof chunk === 'string' || chunk instanceof Uint8Array
}

/** The fields that `writeHead` was given: an object, a flat list of names and values, or a list of pairs. */
function setFields(res: ServerResponse, fields: unknown): void {
  if (typeof fields !== 'object' || fields === null) return
  if (!Array.isArray(fields)) {
    for (const [name, value] of Object.entries(fields)) res.setHeader(name, value as string)
    return
  }
  const flat: unknown[] = Array.isArray(fields[0]) ? fields.flat(1) : fields
  const names = flat.filter((_, index) => index % 2 === 0).map(String)
  // A name may come twice in a list, but what was set before is replaced.
  for (const name of names) res.removeHeader(name)
  for (const [index, name] of names.entries()) res.appendHeader(name, flat[index * 2 + 1] as string)
}

/** Takes back what was said of a page that is not going to be sent. */
export function beginAnew(res: ServerResponse): void {
  // A length that was removed is not computed again.
  for (const name of describingHeaders) if (res.hasHeader(name)) res.removeHeader(name)
  res.statusCode = 500
  if (isHttp1(res)) res.statusMessage = ''
}
