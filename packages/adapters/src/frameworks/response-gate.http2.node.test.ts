import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import {
  connect,
  constants,
  createSecureServer,
  createServer,
  type ClientHttp2Stream,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { ServerResponse } from 'node:http'
import { createServer as createTlsServer, request as tlsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { gateResponse, type ResponseHooks } from './response-gate.ts'
import { programs, requireProgram } from '../../../../scripts/programs.ts'

type Handler = (res: Http2ServerResponse, log: unknown[], req: Http2ServerRequest) => unknown

const modes = {
  bare: null,
  'at once': () => undefined,
  held: () => new Promise<void>((settle) => setImmediate(settle)),
}
type Mode = keyof typeof modes
const turn = () => new Promise((resolve) => setImmediate(resolve))

const gate = (res: Http2ServerResponse, hooks: ResponseHooks) =>
  gateResponse(res as unknown as ServerResponse, hooks)

/** A client of a server that answers with `handler`. */
async function open(handler: (res: Http2ServerResponse, req: Http2ServerRequest) => unknown) {
  const server = createServer((req, res) => void handler(res, req)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  return (fields: OutgoingHttpHeaders = {}, options = {}): ClientHttp2Stream =>
    client.request(fields, options)
}

interface Answer {
  readonly fields: IncomingHttpHeaders
  readonly informed: unknown[]
  readonly trailers: unknown[]
  readonly body: string
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const informed: unknown[] = []
  const trailers: unknown[] = []
  stream.on('headers', (fields) => informed.push({ ...fields }))
  stream.on('trailers', (fields) => trailers.push({ ...fields }))
  const answered = once(stream, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  const [fields] = (await answered) as [IncomingHttpHeaders]
  const { date: _, ...rest } = fields
  return { fields: rest, informed, trailers, body: Buffer.concat(chunks).toString('latin1') }
}

async function exchange(handler: Handler, mode: Mode, sent: OutgoingHttpHeaders = {}) {
  const log: unknown[] = []
  let runs = 0
  const settle = modes[mode]
  const closed = Promise.withResolvers<void>()
  const request = await open((res, req) => {
    res.on('close', closed.resolve)
    if (settle !== null) {
      gate(res, {
        beforeHead(head) {
          runs++
          head.setHeader('X-Hook', 'ran')
          return settle()?.then(() => void head.setHeader('X-Hook', 'ran'))
        },
        beforeEnd: settle,
        onFailure: (error) => void log.push(error),
      })
    }
    return handler(res, log, req)
  })
  const { fields, ...answer } = await answerOf(request(sent))
  await closed.promise
  const { 'x-hook': hook, ...rest } = fields
  expect([hook, runs]).toEqual(mode === 'bare' ? [undefined, 0] : ['ran', 1])
  return { ...answer, fields: rest, log }
}

function codeOf(run: () => unknown): unknown {
  try {
    run()
    return 'no error'
  } catch (error) {
    return (error as { code?: string }).code
  }
}

const handlers: Record<string, Handler> = {
  'end()': (res) => res.end(),
  'end(callback)': (res, log) => res.end(() => log.push('ended')),
  'end(string)': (res) => res.end('caf\u{e9}'),
  'end(string, callback)': (res, log) => res.end('body', () => log.push('ended')),
  'end(string, encoding, callback)': (res, log) => res.end('636f6174', 'hex', () => log.push('ended')),
  'end(Uint8Array)': (res) => res.end(new Uint8Array([1, 255])),
  'writeHead with a status': (res) => res.writeHead(404).end('body'),
  'writeHead with an object': (res) =>
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Set-Cookie': ['a=1', 'b=2'] }).end('body'),
  'writeHead with a flat list': (res) =>
    res.writeHead(200, ['X-A', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'] as never).end('body'),
  'writeHead with a list of pairs': (res) =>
    res
      .writeHead(200, [
        ['X-A', '1'],
        ['X-A', '2'],
      ] as never)
      .end('body'),
  'writeHead over what was set': (res) => {
    res.setHeader('X-A', 'set')
    res.setHeader('X-B', 'kept')
    res.writeHead(200, { 'x-a': 'written' }).end('body')
  },
  'fields that were set, appended and removed': (res) => {
    res.statusCode = 201
    res.setHeader('X-A', '1')
    res.appendHeader('Set-Cookie', 'a=1')
    res.appendHeader('Set-Cookie', 'b=2')
    res.removeHeader('x-a')
    res.end()
  },
  'write and end, with callbacks': (res, log) => {
    res.on('finish', () => log.push('finish')).on('close', () => log.push('close'))
    res.write('1', () => log.push(1))
    res.write('Mg==', 'base64', () => log.push(2))
    res.write(Buffer.from('3'), () => log.push(3))
    res.end('4')
  },
  'writes that wait for one another': (res) =>
    void res.write('one', () => void res.write('two', () => res.end())),
  'flushHeaders, the end later': (res) => {
    // Missing in the types.
    ;(res as unknown as ServerResponse).flushHeaders()
    setImmediate(() => setImmediate(() => res.end('body')))
  },
  '204': (res) => res.writeHead(204).end(),
  '304': (res) => res.writeHead(304, { ETag: '"a"' }).end(),
  trailers: (res) => {
    res.addTrailers({ 'X-Sum': '4' })
    res.end('body')
  },
  '1xx before the head': (res, log) => {
    res.writeContinue()
    res.writeEarlyHints({ link: '</style.css>; rel=preload' })
    res.write('body')
    log.push(res.writeContinue())
    res.end()
  },
  'a second end': (res, log) => {
    res.end('body')
    res.end(() => log.push('second'))
  },
  'a status that is none': (res, log) => {
    for (const status of [1000, 101]) log.push(codeOf(() => (res.statusCode = status)))
    res.end('body')
  },
  'what is asked and changed once the head is decided': (res, log) => {
    log.push(res.headersSent, res.writableEnded)
    res.write('one')
    log.push(res.headersSent, res.writableEnded)
    log.push(codeOf(() => res.setHeader('X-Late', '1')))
    log.push(codeOf(() => res.appendHeader('X-Late', '1')))
    log.push(codeOf(() => res.removeHeader('X-Late')))
    res.end('two')
    log.push(res.headersSent, res.writableEnded)
    log.push(codeOf(() => res.setHeader('X-Late', '1')))
  },
  'a big pipe': (res) => void Readable.from(Array(30).fill(Buffer.alloc(50_000, 'coat'))).pipe(res),
  'a big pipeline': (res) => pipeline(Readable.from(Array(3000).fill('All the coats of the world.')), res),
}

describe.for(['at once', 'held'] as const)('a response of http2 whose hooks settle %s', (mode) => {
  test.for(Object.entries(handlers))('is what it is without a gate: %s', async ([, handler]) => {
    expect(await exchange(handler, mode)).toEqual(await exchange(handler, 'bare'))
  })

  test('is what it is without a gate, for HEAD', async () => {
    for (const name of ['end(string)', 'writeHead with an object', 'write and end, with callbacks']) {
      const sent = { ':method': 'HEAD' }
      expect(await exchange(handlers[name]!, mode, sent)).toEqual(
        await exchange(handlers[name]!, 'bare', sent),
      )
    }
  })

  test('takes no second head', async () => {
    await exchange((res) => {
      res.writeHead(200)
      expect(codeOf(() => res.writeHead(500))).toMatch(/^ERR_HTTP2?_HEADERS_SENT$/)
      res.end()
    }, mode)
  })
})

test('a response of http2 that is held sends nothing, and then all', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<Http2ServerResponse>()
  const request = await open((res) => {
    gate(res, { beforeHead: () => promise, onFailure: expect.unreachable })
    res.end('body')
    arrived.resolve(res)
  })
  const stream = request()
  const answered = once(stream, 'response').then(() => 'answered')
  const res = await arrived.promise
  expect(await Promise.race([answered, turn()])).toBeUndefined()
  expect([res.headersSent, res.writableEnded]).toEqual([true, true])
  resolve()
  expect((await answerOf(stream)).body).toBe('body')
})

test('a client of http2 that goes away while the head is held harms nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<Http2ServerResponse>()
  const request = await open((res) => {
    gate(res, { beforeHead: () => promise, onFailure: expect.unreachable })
    res.write('one')
    res.end('two')
    arrived.resolve(res)
  })
  const stream = request()
  const res = await arrived.promise
  const closed = once(res, 'close')
  stream.close(constants.NGHTTP2_CANCEL)
  await closed
  resolve()
  await turn()
})

describe('a hook that fails, over http2', () => {
  const fault = new Error('The cloakroom is on fire.')
  const faults = {
    'at once': () => {
      throw fault
    },
    held: () => modes.held().then(() => Promise.reject(fault)),
  }

  test.for(Object.entries(faults))('%s leaves the response for an error page', async ([, fail]) => {
    const log: unknown[] = []
    const request = await open((res) => {
      gate(res, {
        beforeHead: fail,
        onFailure(error) {
          log.push(error, res.headersSent, res.statusCode)
          res.end('Sorry')
        },
      })
      res.writeHead(200, { ETag: '"a"', 'X-Kept': 'yes' })
      res.write('body', (error?: Error | null) => log.push(error))
      res.end('more')
    })
    const { fields, body } = await answerOf(request())
    expect(fields).toMatchObject({ ':status': 500, 'x-kept': 'yes' })
    expect(fields).not.toHaveProperty('etag')
    expect(body).toBe('Sorry')
    expect(log).toEqual([fault, false, 500, fault])
  })

  test.for(Object.entries(faults))('%s before the end resets the stream', async ([, fail]) => {
    const log: unknown[] = []
    const request = await open((res) => {
      gate(res, {
        beforeHead() {},
        beforeEnd: fail,
        onFailure: (error) => void log.push(error, res.headersSent),
      })
      res.write('one', () => res.end('two'))
    })
    const stream = request()
    await expect(answerOf(stream)).rejects.toMatchObject({ code: 'ERR_HTTP2_STREAM_ERROR' })
    expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
    expect(log).toEqual([fault, true])
  })
})

/** A certificate for this test alone. */
function certificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'coatcheck-tls-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const options =
      '-x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost'
    execFileSync(
      requireProgram(programs.openssl),
      ['req', ...options.split(' '), '-keyout', key, '-out', cert],
      { stdio: 'ignore' },
    )
    return { key: readFileSync(key), cert: readFileSync(cert) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a response is held over TLS, of node:https and node:http2', async () => {
  const tls = certificate()
  const hooks: ResponseHooks = {
    beforeHead: (head) => modes.held().then(() => void head.setHeader('X-Hook', 'ran')),
    beforeEnd: modes.held,
    onFailure: expect.unreachable,
  }
  const server = createTlsServer(tls, (_req, res) => {
    gateResponse(res, hooks)
    res.write('one ')
    res.end('two')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const outgoing = tlsRequest({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: tls.cert,
    agent: false,
  }).end()
  const [incoming] = await once(outgoing, 'response')
  expect(incoming.headers['x-hook']).toBe('ran')
  expect(Buffer.concat(await incoming.toArray()).toString()).toBe('one two')
  server.close()

  const second = createSecureServer(tls, (_req, res) => {
    gate(res, hooks)
    res.write('one ')
    res.end('two')
  }).listen(0, '127.0.0.1')
  await once(second, 'listening')
  const client = connect(`https://localhost:${(second.address() as AddressInfo).port}`, {
    ca: tls.cert,
    lookup: (_host: string, _options: object, done: (error: null, found: object[]) => void) =>
      done(null, [{ address: '127.0.0.1', family: 4 }]),
  } as never)
  const { fields, body } = await answerOf(client.request({}))
  expect([fields['x-hook'], body]).toEqual(['ran', 'one two'])
  client.close()
  second.close()
})
