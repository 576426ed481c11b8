// Calls an application without a network: Node's own request and response over a socket that takes everything and
// keeps nothing.
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { browserHeaders, fetchLane, type Lane } from './fetch-lane.ts'
import type { App } from './subjects/subject.ts'

/** Opens a lane to an application. */
export function openLane(app: App): Lane {
  if (app.fetch !== undefined) return fetchLane(app.fetch)
  if (app.listener !== undefined) return nodeLane(app.listener)
  throw new Error('An application has a fetch or a listener.')
}

/** Takes a response; what it was can be read until the next one. */
class NullSocket extends Duplex {
  sent = ''
  readonly remoteAddress = '127.0.0.1'
  readonly encrypted = false
  override _read(): void {}
  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.sent += chunk.toString()
    done()
  }
  setTimeout(): this {
    return this
  }
}

function nodeLane(listener: NonNullable<App['listener']>): Lane {
  const socket = new NullSocket({ decodeStrings: false })
  const asSocket = socket as unknown as Socket
  function exchange(path: string, cookie: string): Promise<ServerResponse> {
    socket.sent = ''
    const req = new IncomingMessage(asSocket)
    req.method = 'GET'
    req.url = path
    req.httpVersion = '1.1'
    req.httpVersionMajor = 1
    req.httpVersionMinor = 1
    req.headers = { host: 'localhost', ...browserHeaders, cookie }
    req.complete = true
    const res = new ServerResponse(req)
    res.assignSocket(asSocket)
    return new Promise((resolve) => {
      res.on('finish', () => {
        res.detachSocket(asSocket)
        resolve(res)
      })
      listener(req, res)
    })
  }
  return {
    async send(path, cookie) {
      const { statusCode } = await exchange(path, cookie)
      return statusCode === 200 ? bodyOf(socket.sent) : `status ${statusCode}`
    },
    async ask(path, cookie) {
      const { statusCode } = await exchange(path, cookie)
      const fields = socket.sent.matchAll(/^set-cookie: (.*)$/gim)
      const cookies = [...fields].map(([, field = '']) => field.trim())
      return { status: statusCode, text: bodyOf(socket.sent), cookies }
    },
  }
}

function bodyOf(message: string): string {
  return message.slice(message.indexOf('\r\n\r\n') + 4)
}
