// The head of a Node response leaves with the first call of writeHead, write, end or flushHeaders, and cannot be changed
// or taken back afterwards. The gate stands in front of these four: it lets a hook finish first, keeps what is called
// meanwhile in order, and behaves towards the handler as if the head had gone already.
import type { ServerResponse } from 'node:http'
import type { NodeResponse } from '@coatcheck/core'
import { setFields } from './head-fields.ts'
import { beginAnew, OpenHead } from './open-head.ts'
import { isHttp1 } from './pretence.ts'

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

/** What was called while a hook ran: in turn, on the response. */
type Held = readonly [method: Method, args: readonly unknown[]]

/** Puts a gate on a response of node:http, node:https or the compatibility layer of node:http2. */
export function gateResponse(res: ServerResponse, hooks: ResponseHooks): void {
  new ResponseGate(res, hooks).close()
}

/**
 * The gate of one response. A class whose methods are bound, and not closures over the response: what closures refer to,
 * V8 keeps for longer than each request needs it.
 */
class ResponseGate {
  readonly #res: ServerResponse
  readonly #hooks: ResponseHooks
  readonly #head: OpenHead
  /** The response as something to be changed. */
  readonly #response: GatedMethods
  // Its methods as they were before.
  readonly #end: Method
  readonly #flushHeaders: Method
  readonly #write: Method
  readonly #writeHead: Method
  readonly #gatedWriteHead: Method = this.#onWriteHead.bind(this)
  #phase: Phase = 'undecided'
  #held: Held[] | null = null
  #ended = false
  #failure: unknown
  #heldBytes = 0

  constructor(res: ServerResponse, hooks: ResponseHooks) {
    const response = res as unknown as GatedMethods
    this.#res = res
    this.#hooks = hooks
    this.#head = new OpenHead(res)
    this.#response = response
    this.#end = response.end
    this.#flushHeaders = response.flushHeaders
    this.#write = response.write
    this.#writeHead = response.writeHead
  }

  /** Takes the place of the four methods. */
  close(): void {
    const response = this.#response
    response.writeHead = this.#gatedWriteHead
    response.flushHeaders = this.#onFlushHeaders.bind(this)
    response.write = this.#onWrite.bind(this)
    response.end = this.#onEnd.bind(this)
  }

  /** Runs a hook; what the handler does until it has settled is kept. */
  #pass(hook: ResponseHooks['beforeHead'] | undefined): void {
    this.#phase = 'held'
    try {
      const pending = hook?.call(this.#hooks, this.#head)
      if (pending === undefined) return void (this.#phase = 'sending')
      this.#head.hold(this.#ended)
      pending.then(
        () => this.#release(),
        (error: unknown) => this.#fail(error),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The next in turn; none while a hook runs again, before the end. */
  #take(): Held | undefined {
    return this.#phase === 'sending' ? this.#held?.shift() : undefined
  }

  #release(): void {
    const res = this.#res
    const owesDrain = this.#heldBytes >= res.writableHighWaterMark && !this.#ended
    this.#head.release()
    this.#phase = 'sending'
    let flowing: unknown = true
    try {
      for (let next = this.#take(); next !== undefined; next = this.#take()) flowing = this.#send(...next)
    } catch (error) {
      return this.#fail(error)
    }
    // Node owes the event itself when its own buffer is full.
    if (owesDrain && flowing !== false) process.nextTick(() => res.emit('drain'))
  }

  #fail(error: unknown): void {
    const res = this.#res
    this.#phase = 'failed'
    this.#failure = error
    this.#head.release()
    // What was put on top of the gate has seen the end of a response that never was.
    Object.assign(res, {
      end: this.#untilEnded(this.#end),
      flushHeaders: this.#flushHeaders,
      write: this.#untilEnded(this.#write),
      writeHead: this.#writeHead,
    })
    if (!res.headersSent) beginAnew(res)
    // To node:http the error would be the client's; in node:http2 it tells the client that the page is not whole.
    else res.destroy(isHttp1(res) ? undefined : (error as Error))
    for (const [, args] of this.#held?.splice(0) ?? []) this.#drop(args)
    this.#hooks.onFailure(error)
  }

  #drop(args: readonly unknown[]): false {
    const callback = args.findLast(isFunction)
    if (callback !== undefined) process.nextTick(callback, this.#failure)
    return false
  }

  /** A handler that has not noticed goes on; behind the end of the error page, Node would raise an error for that. */
  #untilEnded(method: Method): Method {
    return (...args) => (this.#res.writableEnded ? this.#drop(args) : method.apply(this.#res, args))
  }

  /** Wrappers outside have seen the head when it was decided; Node must not call them for it again. */
  #send(method: Method, args: readonly unknown[]): unknown {
    const response = this.#response
    const outside = response.writeHead
    response.writeHead = this.#writeHead
    try {
      return method.apply(response, args as unknown[])
    } finally {
      // Unless a gate below has failed, and has taken all away.
      if (response.writeHead === this.#writeHead) response.writeHead = outside
    }
  }

  /** The handler has decided the head, by whichever method. */
  #decide(): void {
    // Listeners for the head (on-headers and its like) are wrappers around this one; they come before the hook.
    if (this.#response.writeHead !== this.#gatedWriteHead) {
      this.#phase = 'announcing'
      try {
        this.#res.writeHead(this.#res.statusCode)
      } finally {
        this.#phase = 'undecided'
      }
    }
    this.#pass(this.#hooks.beforeHead)
  }

  /** Runs what the handler called, now or when it may. @returns Its result, or `meanwhile`. */
  #inTurn(method: Method, args: readonly unknown[], meanwhile: unknown): unknown {
    if (this.#phase === 'undecided') this.#decide()
    if (this.#phase === 'sending') return this.#send(method, args)
    if (this.#phase === 'held') (this.#held ??= []).push([method, args])
    else this.#drop(args)
    return meanwhile
  }

  #onWriteHead(...args: unknown[]): unknown {
    const res = this.#res
    const [status, second] = args
    const line = typeof second === 'string' ? [status, second] : [status]
    if (this.#phase === 'held')
      throw Object.assign(new Error('The head has been sent.'), { code: 'ERR_HTTP_HEADERS_SENT' })
    if (this.#phase === 'failed') return res
    if (!(Number(status) >= 100 && Number(status) <= 999)) return this.#writeHead.apply(res, args)
    // The fields were set when the head was decided; setting them again would undo what the hook did.
    if (this.#phase === 'sending') return this.#writeHead.apply(res, line)
    res.statusCode = Number(status)
    setFields(res, args[2] ?? second)
    if (this.#phase === 'announcing') return res
    this.#pass(this.#hooks.beforeHead)
    return this.#inTurn(this.#writeHead, line, res)
  }

  #onFlushHeaders(): void {
    this.#inTurn(this.#flushHeaders, [], undefined)
  }

  #onWrite(...args: unknown[]): unknown {
    // What Node refuses is refused at once, and decides nothing.
    if (!isChunk(args[0]) && this.#phase !== 'failed') return this.#write.apply(this.#res, args)
    const flowing = this.#inTurn(this.#write, args, false)
    if (this.#phase !== 'held') return flowing
    // As much is taken as Node would: a stream below (compression's) that has room for all of it drains unasked.
    this.#heldBytes += Buffer.byteLength(args[0] as string, args[1] as BufferEncoding)
    return this.#heldBytes < this.#res.writableHighWaterMark && !this.#ended
  }

  #onEnd(...args: unknown[]): unknown {
    const [chunk] = args
    const isSendable = !chunk || isFunction(chunk) || isChunk(chunk)
    if (!isSendable) return this.#end.apply(this.#res, args)
    // A second end can send nothing. With bytes Node would make it an error that ends the process.
    const result = this.#ended
      ? this.#inTurn(this.#end, args.filter(isFunction), this.#res)
      : this.#endOnce(args)
    if (this.#head.isHeld) this.#head.hold(true)
    return result
  }

  #endOnce(args: readonly unknown[]): unknown {
    const hook = this.#phase === 'undecided' ? undefined : this.#hooks.beforeEnd
    this.#ended = true
    if (hook === undefined) return this.#inTurn(this.#end, args, this.#res)
    return this.#inTurn((...args) => this.#finish(args, hook), args, this.#res)
  }

  #finish(args: readonly unknown[], hook: ResponseHooks['beforeHead']): unknown {
    this.#pass(hook)
    if (this.#phase === 'sending') return this.#end.apply(this.#res, [...args])
    if (this.#phase === 'held') (this.#held ??= []).unshift([this.#end, args])
    else this.#drop(args)
    return this.#res
  }
}

function isChunk(chunk: unknown): boolean {
  return typeof chunk === 'string' || chunk instanceof Uint8Array
}

function isFunction(value: unknown): value is Method {
  return typeof value === 'function'
}
