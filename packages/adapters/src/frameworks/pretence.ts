// While a response is held back, it behaves towards the handler as if it had gone already.
import type { ServerResponse } from 'node:http'

/** Whether it is one of node:http, and not of node:http2. */
export function isHttp1(res: ServerResponse): boolean {
  return Object.hasOwn(res, header)
}

/** Makes a response say that its head has gone; then `setHeader` throws as it should. */
export function pretendSent(res: ServerResponse, on: boolean): void {
  const fields = res as unknown as { [header]: string | null; readonly stream: object }
  // node:http keeps the head in a field; node:http2 leaves it to the stream below.
  if (!isHttp1(res)) claim(fields.stream, 'headersSent', on)
  else if (!res.headersSent || fields[header] === placeholder) fields[header] = on ? placeholder : null
}

/** Whether a response is to say that it has ended, though it is held. */
const saysEnded: unique symbol = Symbol('coatcheck.saysEnded')

interface Pretender {
  [saysEnded]?: boolean
}

/** One for all responses: a getter of its own, or one that is deleted again, would make each of them slow. */
const endedGetter: PropertyDescriptor = {
  configurable: true,
  get(this: Pretender & ServerResponse): boolean {
    return (
      this[saysEnded] === true || (Reflect.get(Object.getPrototypeOf(this), 'writableEnded', this) as boolean)
    )
  },
}

/** Makes a response say that it has ended. */
export function pretendEnded(res: Pretender & object, on: boolean): void {
  if (on && res[saysEnded] === undefined) Object.defineProperty(res, 'writableEnded', endedGetter)
  if (on || res[saysEnded] === true) res[saysEnded] = on
}

const header = '_header'
const placeholder = 'held'

/** Lets an object say `true` where its prototype would not. */
function claim(target: object, name: string, on: boolean): void {
  if (on) Object.defineProperty(target, name, { value: true, configurable: true })
  else Reflect.deleteProperty(target, name)
}
