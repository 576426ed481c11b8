import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { duplexPair, Readable } from 'node:stream'
import type { Handler, Server } from './visits.ts'

/** What an adapter for Node mounts: it calls `answer` with the request in the terms of `visits.ts`. */
export type Listener = (req: IncomingMessage, res: ServerResponse) => void

/**
 * A server of node:http, called without a network: request and response pass Node's own parser and writer over a pair
 * of streams, which says of itself whether it is encrypted. Fields that only describe the connection are left out.
 */
export function nodeServer(listener: Listener): Server {
  const server = createServer(listener)
  return (request) =>
    new Promise((resolve, reject) => {
      const [near, far] = duplexPair()
      const url = new URL(request.url)
      server.emit('connection', Object.assign(far, { encrypted: url.protocol === 'https:' }))
      const outgoing = httpRequest({
        createConnection: () => near,
        method: request.method,
        path: url.pathname + url.search,
        headers: { host: url.host, ...Object.fromEntries(request.headers) },
      })
      outgoing.on('error', reject)
      outgoing.on('response', (incoming) => resolve(responseOf(incoming, request.method)))
      outgoing.end()
    })
}

const ofTheConnection = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'])

function responseOf(incoming: IncomingMessage, method: string): Response {
  const status = incoming.statusCode!
  const headers = new Headers()
  const raw = incoming.rawHeaders
  for (let at = 0; at < raw.length; at += 2) {
    if (!ofTheConnection.has(raw[at]!.toLowerCase())) headers.append(raw[at]!, raw[at + 1]!)
  }
  const bodiless = [204, 304].includes(status) || method === 'HEAD'
  const body = bodiless
    ? null
    : (Readable.toWeb(incoming, { strategy: { highWaterMark: 0 } }) as ReadableStream)
  return new Response(body, { status, statusText: incoming.statusMessage ?? '', headers })
}

/** Runs a handler of `visits.ts` in a listener: its `Response` is written with Node's methods. */
export async function answer(
  handler: Handler,
  session: Parameters<Handler>[0],
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const scheme = 'encrypted' in req.socket && req.socket.encrypted === true ? 'https' : 'http'
  const method = req.method ?? 'GET'
  const response = await handler(
    session,
    new Request(`${scheme}://${req.headers.host}${req.url}`, { method }),
  )
  const cookies = response.headers.getSetCookie()
  for (const [name, value] of response.headers) if (name !== 'set-cookie') res.setHeader(name, value)
  if (cookies.length > 0) res.setHeader('Set-Cookie', cookies)
  res.statusCode = response.status
  if (response.statusText !== '') res.statusMessage = response.statusText
  if (response.body === null) return void res.end()
  const write = (chunk: string | Uint8Array): Promise<unknown> =>
    new Promise((written) => res.write(chunk, written))
  // The head first: a body is produced only when it can be sent.
  await write('')
  for await (const chunk of response.body) await write(chunk)
  res.end()
}
