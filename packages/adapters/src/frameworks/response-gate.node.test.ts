import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { gateResponse, type ResponseHooks } from './response-gate.ts'

type Handler = (res: ServerResponse, log: unknown[], req: IncomingMessage) => void

/** How the hooks of a gate settle; `bare` is a response without a gate, by which the others are measured. */
const modes = {
  bare: null,
  'at once': () => undefined,
  // A later turn of the event loop: all that a handler does by itself, and all promises and ticks, come first.
  held: () => new Promise<void>((settle) => setImmediate(settle)),
}
type Mode = keyof typeof modes
const gated = ['at once', 'held'] as const

async function listen(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { server, open: () => connect(port, '127.0.0.1') }
}

function request(method = 'GET', fields = '', body = ''): string {
  return `${method} / HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n${body}`
}

const last = 'Connection: close\r\n'

/** What the server sends until it closes the connection, but for the time. */
async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
    .toString('latin1')
    .replaceAll(/^Date: .*/gm, 'Date: now')
}

/** Where one chunk ends and the next begins depends on time, and means nothing. */
function unchunked(wire: string): string {
  let [head, rest] = wire.split(/(?<=\r\n\r\n)(.*)/s) as [string, string]
  if (!head.includes('Transfer-Encoding: chunked')) return wire
  for (let size = parseInt(rest, 16); size > 0; size = parseInt(rest, 16)) {
    const start = rest.indexOf('\r\n') + 2
    head += rest.slice(start, start + size)
    rest = rest.slice(start + size + 2)
  }
  return head + rest
}

/** All that a client receives for a handler's response, and all that the handler noted. */
async function exchange(handler: Handler, mode: Mode, sent = request('GET', last)) {
  const log: unknown[] = []
  const closed: Promise<unknown>[] = []
  const runs = { beforeHead: 0, beforeEnd: 0 }
  const settle = modes[mode]
  const { open } = await listen((req, res) => {
    closed.push(new Promise((resolve) => res.on('close', resolve)))
    if (settle !== null) {
      gateResponse(res, {
        beforeHead(head) {
          runs.beforeHead++
          head.setHeader('X-Hook', 'ran')
          return settle()
        },
        beforeEnd() {
          runs.beforeEnd++
          return settle()
        },
        onFailure: (error) => void log.push(error),
      })
    }
    handler(res, log, req)
  })
  const socket = open()
  socket.write(sent)
  const wire = await received(socket)
  await Promise.all(closed)
  const hooked = wire.match(/^X-Hook: ran$/gm)?.length ?? 0
  expect([hooked, runs.beforeHead]).toEqual(Array(2).fill(mode === 'bare' ? 0 : closed.length))
  expect(runs.beforeEnd).toBeLessThanOrEqual(closed.length)
  return { wire: wire.replaceAll('X-Hook: ran\r\n', ''), log }
}

async function expectSame(handler: Handler, mode: Mode, sent?: string): Promise<void> {
  const [bare, gated] = [await exchange(handler, 'bare', sent), await exchange(handler, mode, sent)]
  const told = mode === 'held' ? unchunked : String
  expect({ ...gated, wire: told(gated.wire) }).toEqual({ ...bare, wire: told(bare.wire) })
}

function codeOf(run: () => unknown): unknown {
  try {
    run()
    return 'no error'
  } catch (error) {
    return [(error as Error).name, (error as { code?: string }).code]
  }
}

const latin = Buffer.from('caf\u{e9}', 'latin1')
const cookies = ['a=1', 'b=2']
const fields = { 'content-type': 'text/plain', 'X-CaSe': 'kept', 'X-Number': 7, 'set-cookie': cookies }
const flat = ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'x-lower', 'kept']
const pairs = [
  ['Content-Type', 'text/plain'],
  ['Set-Cookie', 'a=1'],
  ['Set-Cookie', 'b=2'],
]

const heads: Record<string, Handler> = {
  'writeHead with a status': (res) => res.writeHead(201).end('body'),
  'writeHead with a status and a reason': (res) => res.writeHead(200, 'Splendid').end('body'),
  'writeHead with an object': (res) => res.writeHead(200, fields).end('body'),
  'writeHead with a reason and an object': (res) => res.writeHead(404, 'Nowhere', fields).end('body'),
  'writeHead with an object in third place': (res) => res.writeHead(200, undefined, fields).end('body'),
  'writeHead with a flat list': (res) => res.writeHead(200, flat).end('body'),
  'writeHead with a reason and a flat list': (res) => res.writeHead(200, 'Fine', flat).end('body'),
  'writeHead with a list of pairs': (res) => res.writeHead(200, pairs as never).end('body'),
  'writeHead with a length': (res) => res.writeHead(200, { 'Content-Length': 4 }).end('body'),
  'writeHead with a status in a string': (res) => res.writeHead('202' as never).end('body'),
  'writeHead with a Date and a Connection': (res) =>
    res.writeHead(200, { Date: 'long ago', Connection: 'close' }).end('body'),
  'writeHead over what was set': (res) => {
    res.setHeader('Content-Type', 'text/html').setHeader('X-Set', 'kept').setHeader('SET-cookie', 'gone=1')
    res.writeHead(200, fields).end('body')
  },
  'writeHead with a flat list over what was set': (res) => {
    res.setHeader('Content-Type', 'text/html').setHeader('X-Set', 'kept').setHeader('Set-Cookie', 'gone=1')
    res.writeHead(200, flat).end('body')
  },
  'writeHead after statusMessage': (res) => {
    res.statusMessage = 'Well done'
    res.writeHead(200).end('body')
  },
  'writeHead alone, the end later': (res) => {
    res.writeHead(200, fields)
    setImmediate(() => setImmediate(() => res.end('body')))
  },
  'statusCode and fields that were set, appended and removed': (res) => {
    res.statusCode = 404
    res.statusMessage = 'Nowhere'
    res.setHeader('x-LOWER', 'a').appendHeader('Set-Cookie', 'a=1').appendHeader('Set-Cookie', 'b=2')
    res.setHeader('X-Gone', 'b').removeHeader('x-gone')
    res.end('body')
  },
  'setHeaders of a Map': (res) => res.setHeaders(new Map([['x-map', 'a']])).end('body'),
  'Content-Length that was removed': (res) => {
    res.removeHeader('Content-Length')
    res.end('body')
  },
  'flushHeaders and an end': (res) => {
    res.flushHeaders()
    res.end('body')
  },
  'flushHeaders, the end later': (res) => {
    res.flushHeaders()
    setImmediate(() => setImmediate(() => res.end('body')))
  },
  'flushHeaders after writeHead': (res) => {
    res.writeHead(200, { 'Content-Length': 4 }).flushHeaders()
    res.end('body')
  },
  '204': (res) => res.writeHead(204).end(),
  '204 with a body that must not be sent': (res) => res.writeHead(204).end('body'),
  '304': (res) => res.writeHead(304, { ETag: '"a"' }).end(),
  trailers: (res) => {
    res.writeHead(200, { Trailer: 'X-Sum' })
    res.write('body')
    res.addTrailers({ 'X-Sum': '4' })
    res.end()
  },
}

const bodies: Record<string, Handler> = {
  'end()': (res) => void res.end(),
  'end(null)': (res) => void res.end(null),
  "end('')": (res) => void res.end(''),
  'end(callback)': (res, log) => void res.end(() => log.push('ended')),
  'end(null, callback)': (res, log) => void res.end(null, () => log.push('ended')),
  'end(string)': (res) => void res.end('caf\u{e9}'),
  'end(string, callback)': (res, log) => void res.end('body', () => log.push('ended')),
  'end(string, encoding)': (res) => void res.end('caf\u{e9}', 'latin1'),
  'end(string, encoding, callback)': (res, log) => void res.end('636f6174', 'hex', () => log.push('ended')),
  'end(Buffer)': (res) => void res.end(latin),
  'end(Uint8Array)': (res) => void res.end(new Uint8Array([1, 2, 255])),
  'write and end': (res) => {
    res.write('one')
    res.end('two')
  },
  'write and an empty end': (res) => {
    res.write('one')
    res.end()
  },
  'write of nothing': (res) => {
    res.write('')
    res.end('body')
  },
  'write in every encoding': (res) => {
    res.write('caf\u{e9}', 'latin1')
    res.write('caf\u{e9}', 'utf8')
    res.write('Y29hdA==', 'base64')
    res.write('636f6174', 'hex')
    res.write('coat', 'utf16le')
    res.write(latin)
    res.write(new Uint8Array([0, 255]))
    res.end('Y2hlY2s', 'base64url')
  },
  'callbacks of all, in order': (res, log) => {
    const note = (what: string) => (error?: Error | null) => void log.push([what, error ?? null])
    res.on('finish', note('finish')).on('close', note('close'))
    res.write('1', note('1'))
    res.write('2', 'latin1', note('2'))
    res.write('3', undefined as never, note('3'))
    res.write(latin, note('4'))
    res.end('5', note('5'))
  },
  'writes that wait for one another': (res, log) => {
    res.write('one', () => {
      log.push(res.headersSent)
      res.write('two', () => res.end('three'))
    })
  },
  'write after writeHead with a length': (res) => {
    res.writeHead(200, { 'Content-Length': 6 })
    res.write('one')
    res.end('two')
  },
  'write after end': (res, log) => {
    res.on('error', (error) => log.push(error))
    res.end('body')
    res.write('more', (error) => log.push(error))
  },
  'write after write and end': (res, log) => {
    res.on('error', (error) => log.push(error))
    res.write('one')
    res.end('two')
    res.write('three', (error) => log.push(error))
  },
  'a second end': (res, log) => {
    res.end('body', () => log.push('first'))
    res.end(() => log.push('second'))
  },
  'a chunk that is none': (res, log) => {
    for (const chunk of [null, undefined, 5, {}]) log.push(codeOf(() => res.write(chunk)))
    for (const chunk of [5, {}]) log.push(codeOf(() => res.end(chunk)))
    log.push(res.headersSent, res.writableEnded)
    res.end('body')
  },
  'a status that is none': (res, log) => {
    for (const status of [1000, 99, -1, 'abc', null, undefined]) {
      log.push(codeOf(() => res.writeHead(status as never)))
    }
    log.push(res.headersSent)
    res.statusCode = 200
    res.end('body')
  },
  'a field that is none': (res, log) => {
    for (const field of [{ 'a b': '1' }, { '': '1' }, { a: undefined }, { a: 'b\nc' }]) {
      log.push(codeOf(() => res.writeHead(200, field)))
    }
    log.push(res.headersSent)
    res.end('body')
  },
  'what is asked and changed once the head is decided': (res, log) => {
    log.push(res.headersSent, res.writableEnded)
    res.write('one')
    log.push(res.headersSent, res.writableEnded)
    log.push(codeOf(() => res.setHeader('X-Late', '1')))
    log.push(codeOf(() => res.setHeaders(new Map([['x-late', '1']]))))
    log.push(codeOf(() => res.appendHeader('X-Late', '1')))
    log.push(codeOf(() => res.removeHeader('X-Late')))
    log.push(codeOf(() => res.writeHead(200)))
    log.push(codeOf(() => res.writeContinue()))
    res.end('two')
    log.push(res.headersSent, res.writableEnded, res.writableFinished)
    log.push(codeOf(() => res.setHeader('X-Late', '1')))
    res.on('finish', () => log.push(res.writableEnded, res.writableFinished))
  },
}

describe.for(gated)('a response whose hooks settle %s', (mode) => {
  test.for(Object.entries({ ...heads, ...bodies }))(
    'is what it is without a gate: %s',
    async ([, handler]) => {
      await expectSame(handler, mode)
    },
  )

  test.for(['HEAD', 'POST', 'OPTIONS'])('is what it is without a gate, for %s', async (method) => {
    const sent = request(method, `${last}Content-Length: 0\r\n`)
    for (const name of ['end(string)', 'write and end', 'callbacks of all, in order', 'end()']) {
      await expectSame(bodies[name]!, mode, sent)
    }
  })

  test('is what it is without a gate, for HTTP/1.0', async () => {
    const sent = 'GET / HTTP/1.0\r\n'
    await expectSame(bodies['write and end']!, mode, `${sent}\r\n`)
    await expectSame(
      bodies['write after writeHead with a length']!,
      mode,
      `${sent}Connection: keep-alive\r\n\r\n${sent}\r\n`,
    )
  })

  test('keeps its place among pipelined ones', async () => {
    const handler: Handler = (res, _log, req) => heads[req.headers['x-form'] as string]!(res, [], req)
    const names = Object.keys(heads).filter((name) => !/alone|later|trailers|Connection/.test(name))
    const sent = names.map((name, at) =>
      request('GET', `X-Form: ${name}\r\n${at === names.length - 1 ? last : ''}`),
    )
    await expectSame(handler, mode, sent.join(''))
  })

  test('lets 1xx pass before the head, and no more after it', async () => {
    const handler: Handler = (res, log) => {
      res.writeContinue()
      res.writeProcessing()
      res.writeEarlyHints({ link: '</style.css>; rel=preload' })
      res.write('body')
      log.push(
        codeOf(() => res.writeProcessing()),
        codeOf(() => res.writeEarlyHints({ link: '</a>; rel=preload' })),
      )
      res.end()
    }
    await expectSame(handler, mode)
  })

  test('reads a body that waits for 100-continue', async () => {
    const handler: Handler = (res, log, req) => {
      req.on('data', (chunk) => log.push(String(chunk))).on('end', () => res.end('body'))
    }
    const sent = request('POST', `${last}Expect: 100-continue\r\nContent-Length: 4\r\n`, 'coat')
    await expectSame(handler, mode, sent)
  })

  test('is what it is without a gate, corked', async () => {
    const handler: Handler = (res) => {
      res.cork()
      res.write('one')
      res.write('two')
      res.uncork()
      res.cork()
      res.end('three')
    }
    await expectSame(handler, mode)
  })
})

/** A promise that the test settles, and what to call when the gate has failed. */
function hold(): PromiseWithResolvers<void> & { hooks: ResponseHooks; failures: unknown[] } {
  const held = Promise.withResolvers<void>()
  const failures: unknown[] = []
  return {
    ...held,
    failures,
    hooks: { beforeHead: () => held.promise, onFailure: (error) => void failures.push(error) },
  }
}

/** One request, and the response that it led to. */
async function serve(gate: (res: ServerResponse) => void, sent = request('GET', last)) {
  const arrived = Promise.withResolvers<ServerResponse>()
  const { open, server } = await listen((_req, res) => {
    gate(res)
    arrived.resolve(res)
  })
  const socket = open()
  socket.write(sent)
  return { socket, server, res: await arrived.promise }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('while the head is held', () => {
  test('nothing is sent, and the response says of itself that all is', async () => {
    const { hooks, resolve } = hold()
    const { res, socket } = await serve((res) => gateResponse(res, hooks))
    const events: string[] = []
    for (const event of ['finish', 'close']) res.on(event, () => events.push(event))
    res.write('one')
    res.end('two', () => events.push('end'))
    await turn()
    expect(res.headersSent).toBe(true)
    expect(res.writableEnded).toBe(true)
    expect(res.socket!.bytesWritten).toBe(0)
    events.push('released')
    resolve()
    expect(await received(socket)).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(events).toEqual(['released', 'end', 'finish', 'close'])
  })

  test('the hook can still read and change the head, the handler cannot', async () => {
    const { resolve, promise } = hold()
    const more = hold()
    const { res, socket } = await serve((res) =>
      gateResponse(res, {
        async beforeHead(head) {
          await promise
          head.setHeader('Set-Cookie', [String(head.getHeader('set-cookie')), 'b=2'])
          head.removeHeader('X-Gone')
          await more.promise
        },
        onFailure: expect.unreachable,
      }),
    )
    res.writeHead(200, { 'Set-Cookie': 'a=1', 'X-Gone': 'yes' })
    expect(codeOf(() => res.setHeader('X-Late', 'yes'))).toEqual(['Error', 'ERR_HTTP_HEADERS_SENT'])
    for (const step of [resolve, more.resolve]) {
      step()
      await turn()
      expect(codeOf(() => res.setHeader('X-Late', 'yes'))).toEqual(['Error', 'ERR_HTTP_HEADERS_SENT'])
    }
    res.end()
    const wire = await received(socket)
    expect(wire).toContain('Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n')
    expect(wire).not.toMatch(/X-Gone|X-Late/)
  })

  test('a server that is being closed lets it go out first', async () => {
    const { hooks, resolve } = hold()
    const { res, server, socket } = await serve((res) => gateResponse(res, hooks))
    res.end('body')
    await turn()
    server.close()
    resolve()
    expect(await received(socket)).toMatch(/\r\n\r\nbody$/)
  })

  test('later responses on the connection wait for it, and it for earlier ones', async () => {
    const gates = [hold(), hold(), hold()]
    const arrived: ServerResponse[] = []
    const { open } = await listen((_req, res) => {
      gateResponse(res, gates[arrived.push(res) - 1]!.hooks)
      res.end(`body ${arrived.length}`)
    })
    const socket = open()
    socket.write(request() + request() + request('GET', last))
    for (const at of [1, 0, 2]) {
      while (arrived.length <= at) await turn()
      gates[at]!.resolve()
      await turn()
    }
    expect((await received(socket)).match(/body ./g)).toEqual(['body 1', 'body 2', 'body 3'])
  })

  test('a second gate is passed after the first, each once', async () => {
    const [inner, outer] = [hold(), hold()]
    const { res, socket } = await serve((res) => {
      gateResponse(res, {
        ...inner.hooks,
        beforeHead: (head) => (head.setHeader('X-Inner', '1'), inner.promise),
      })
      gateResponse(res, {
        ...outer.hooks,
        beforeHead: (head) => (head.setHeader('X-Outer', '2'), outer.promise),
      })
    })
    res.end('body')
    inner.resolve()
    await turn()
    expect(res.socket!.bytesWritten).toBe(0)
    outer.resolve()
    const wire = await received(socket)
    expect(wire).toMatch(/X-Outer: 2\r\nX-Inner: 1\r\n/)
    expect(wire).toMatch(/Content-Length: 4\r\n(.*\r\n)*\r\nbody$/)
  })
})

test('what comes before the end is sent while the end is held', async () => {
  const { promise, resolve } = hold()
  const { res, socket } = await serve((res) =>
    gateResponse(res, { beforeHead() {}, beforeEnd: () => promise, onFailure: expect.unreachable }),
  )
  res.write('one')
  const [chunk] = await once(socket, 'data')
  expect(String(chunk)).toMatch(/\r\n\r\n3\r\none\r\n$/)
  res.end('two')
  expect(res.writableEnded).toBe(true)
  const sent = res.socket!.bytesWritten
  await turn()
  expect(res.socket!.bytesWritten).toBe(sent)
  resolve()
  expect(await received(socket)).toBe('3\r\ntwo\r\n0\r\n\r\n')
})

test('a second end with a chunk sends nothing, and is no error', async () => {
  for (const settle of [modes['at once'], modes.held]) {
    const { res, socket } = await serve((res) =>
      gateResponse(res, { beforeHead: settle, onFailure: expect.unreachable }),
    )
    res.end('body')
    res.end('more')
    expect(await received(socket)).toMatch(/body$/)
  }
})

test('the end by which the head was decided waits for the hook of the head only', async () => {
  const { res, socket } = await serve((res) =>
    gateResponse(res, { beforeHead() {}, beforeEnd: expect.unreachable, onFailure: expect.unreachable }),
  )
  res.end('body')
  expect(await received(socket)).toMatch(/body$/)
})

describe('back-pressure', () => {
  const big = Buffer.alloc(3_000_000, 'All the coats of the world. ')

  test('while held, a full buffer is reported and drained after', async () => {
    const { hooks, resolve } = hold()
    const { res, socket } = await serve((res) => gateResponse(res, hooks))
    const drained = once(res, 'drain').then(() => 'drained')
    expect(res.write(Buffer.alloc(res.writableHighWaterMark))).toBe(false)
    expect(await Promise.race([drained, turn()])).toBeUndefined()
    resolve()
    socket.resume()
    expect(await drained).toBe('drained')
    res.end()
  })

  const pipes: Record<string, (source: Readable, res: ServerResponse) => unknown> = {
    'pipe()': (source, res) => source.pipe(res),
    'pipeline()': (source, res) => pipeline(source, res),
    'writes that wait for their callbacks': async (source, res) => {
      for await (const chunk of source) await new Promise((done) => res.write(chunk, done))
      res.end()
    },
    'writes that wait for drain': async (source, res) => {
      for await (const chunk of source) if (!res.write(chunk)) await once(res, 'drain')
      res.end()
    },
  }
  const sources: Record<string, () => Readable> = {
    'a big source': () =>
      Readable.from(Array.from({ length: 30 }, (_, at) => big.subarray(at * 1e5, (at + 1) * 1e5))),
    'a source of many small chunks': () =>
      Readable.from(Array.from({ length: 3000 }, (_, at) => big.subarray(at * 1e3, (at + 1) * 1e3))),
    'a source of one small chunk': () => Readable.from([big.subarray(0, 10), big.subarray(10)]),
  }
  const cases = Object.keys(sources).flatMap((source) =>
    Object.keys(pipes).map((pipe) => [source, pipe] as const),
  )

  test('a body that is not sent is drained all the same', async () => {
    const { hooks, resolve } = hold()
    const { res, socket } = await serve((res) => gateResponse(res, hooks), request('HEAD', last))
    const drained = once(res, 'drain')
    expect(res.write(big)).toBe(false)
    resolve()
    await drained
    res.end()
    await received(socket)
  })

  test.for(cases)('%s arrives whole through %s', async ([source, pipe]) => {
    const handler: Handler = (res) =>
      void pipes[pipe]!(sources[source]!(), res.writeHead(200, { 'Content-Length': big.length }))
    const { wire } = await exchange(handler, 'held')
    expect(Buffer.from(wire.split('\r\n\r\n')[1]!, 'latin1').equals(big)).toBe(true)
  })
})

describe('a client that has gone', () => {
  const answers: Record<string, (res: ServerResponse, log: unknown[]) => unknown> = {
    end: (res) => res.end('body'),
    'writeHead and end': (res) => res.writeHead(200).end('body'),
    flushHeaders: (res) => res.flushHeaders(),
    'write and end': (res, log) => {
      res.write('one', (error) => log.push((error as { code?: string } | null)?.code))
      res.end('two')
    },
  }

  test.for(Object.entries(answers))('before the answer: %s', async ([, answer]) => {
    for (const settle of [modes['at once'], modes.held]) {
      const log: unknown[] = []
      const settled = Promise.withResolvers<void>()
      const { res, socket } = await serve((res) =>
        gateResponse(res, {
          beforeHead: () => (setImmediate(settled.resolve), settle()),
          onFailure: expect.unreachable,
        }),
      )
      socket.destroy()
      await once(res, 'close')
      answer(res, log)
      await settled.promise
      await turn()
      expect(log.filter((code) => code !== 'ERR_STREAM_DESTROYED')).toEqual([])
    }
  })

  test.for(Object.entries(answers))('while the head is held: %s', async ([, answer]) => {
    const log: unknown[] = []
    const { hooks, failures, resolve } = hold()
    const { res, socket } = await serve((res) => gateResponse(res, hooks))
    answer(res, log)
    socket.destroy()
    await once(res, 'close')
    resolve()
    await turn()
    expect(failures).toEqual([])
    expect(log.filter((code) => code !== 'ERR_STREAM_DESTROYED')).toEqual([])
  })

  test('pipeline rejects, and leaves nothing open', async () => {
    const { hooks, resolve } = hold()
    const { res, socket } = await serve((res) => gateResponse(res, hooks))
    const source = new Readable({ read: () => {} })
    source.push('one')
    const done = pipeline(source, res)
    await turn()
    socket.destroy()
    await expect(done).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    resolve()
    await turn()
    expect(source.destroyed).toBe(true)
  })
})

describe('a hook that fails', () => {
  const fault = new Error('The cloakroom is on fire.')
  const faults = {
    'at once': () => {
      throw fault
    },
    held: () => modes.held().then(() => Promise.reject(fault)),
  }
  const page: Record<string, string> = {
    'Content-Length': '4',
    ETag: '"a"',
    'Cache-Control': 'public',
    Location: '/',
    'X-Kept': 'yes',
  }
  const answers: Record<string, (res: ServerResponse, note: (error?: Error | null) => void) => unknown> = {
    'end(chunk, callback)': (res, note) => void res.end('body', note),
    'writeHead and end': (res, note) => void res.writeHead(200, 'Fine', page).end('body', note),
    'write and end': (res, note) => {
      res.setHeaders(new Map(Object.entries(page)))
      res.write('body', note)
      res.end('more')
    },
    'a statusMessage': (res, note) => {
      res.statusMessage = 'Fine'
      res.end('body', note)
    },
    'flushHeaders, write and end': (res, note) => {
      res.flushHeaders()
      res.write('body', 'utf8', note)
      res.end()
    },
    'writes that wait for one another': async (res, note) => {
      for (const chunk of ['one', 'two', 'three']) {
        await new Promise<void>((done) => res.write(chunk, (error) => done(note(error))))
      }
      res.end('four')
    },
    'a write from the callback of another': (res, note) => {
      res.write('one', (error) => {
        note(error)
        res.write('two', note)
      })
    },
    'writes and an end that come later': async (res, note) => {
      res.write('one', note)
      for (let count = 0; count < 5; count++) {
        await turn()
        res.write('more')
      }
      res.end('two')
    },
    pipe: (res, note) => {
      Readable.from(['one', 'two']).pipe(res)
      note(fault)
    },
    pipeline: (res, note) =>
      pipeline(Readable.from(['one', 'two']), res).then(
        () => note(fault),
        () => note(fault),
      ),
  }
  const cases = Object.entries(faults).flatMap(([when, fail]) =>
    Object.entries(answers).map(([how, answer]) => [when, how, fail, answer] as const),
  )

  test.for(cases)('%s leaves the response for an error page: %s', async ([, , fail, answer]) => {
    const log: unknown[] = []
    const seen: unknown[] = []
    let visits = 0
    const { open } = await listen((_req, res) => {
      if (++visits > 1) return void res.end('The next one.')
      gateResponse(res, {
        beforeHead: fail,
        onFailure(error) {
          seen.push(error, res.headersSent, res.writableEnded, res.statusCode)
          res.setHeader('X-Page', 'error').end('Sorry')
        },
      })
      void answer(res, (error) => void log.push(error))
    })
    const socket = open()
    socket.write(request() + request('GET', last))
    const wire = await received(socket)
    expect(seen).toEqual([fault, false, false, 500])
    expect(log[0]).toBe(fault)
    expect(wire).toMatch(/^HTTP\/1.1 500 Internal Server Error\r\n/)
    expect(unchunked(wire.replace(/HTTP\/1.1 200.*/s, ''))).toMatch(/X-Page: error\r\n(.*\r\n)*\r\nSorry/)
    expect(wire).toMatch(/HTTP\/1.1 200 OK(.*\r\n)*\r\nThe next one\.$/)
    expect(wire).not.toMatch(/body|more|one\b.*two|ETag|Cache-Control|Location|Fine|Content-Length: 4/s)
  })

  test('before the end, when the head has gone, closes the connection', async () => {
    for (const fail of Object.values(faults)) {
      const seen: unknown[] = []
      const { res, socket } = await serve((res) =>
        gateResponse(res, {
          beforeHead() {},
          beforeEnd: fail,
          onFailure: (error) => void seen.push(error, res.headersSent),
        }),
      )
      res.write('one')
      const [chunk] = await once(socket, 'data')
      expect(String(chunk)).toContain('one')
      const closed = once(res, 'close')
      res.end('two', (error?: Error) => seen.push(error))
      expect(await received(socket)).toBe('')
      await closed
      expect(seen).toEqual([fault, true, fault])
    }
  })

  test.for(Object.entries(faults))(
    '%s makes what was taken from the response before do nothing',
    async ([, fail]) => {
      let runs = 0
      const failed = Promise.withResolvers<unknown>()
      const beforeHead = () => (runs++, fail())
      const { res, socket } = await serve((res) =>
        gateResponse(res, { beforeHead, onFailure: failed.resolve }),
      )
      const { writeHead, write, end } = res
      res.writeHead(200)
      await failed.promise
      writeHead.call(res, 200)
      ;(write as (chunk: string) => boolean).call(res, 'body')
      ;(end as (chunk: string) => ServerResponse).call(res, 'more')
      res.end('Sorry')
      expect(await received(socket)).toMatch(/^HTTP\/1.1 500 (.*\r\n)*\r\nSorry$/)
      expect(runs).toBe(1)
    },
  )

  test.for(Object.entries(faults))(
    '%s in one of two gates, frees the response from both',
    async ([, fail]) => {
      for (const failing of [0, 1]) {
        const { res, socket } = await serve((res) => {
          for (const at of [0, 1]) {
            gateResponse(res, {
              beforeHead: at === failing ? fail : () => undefined,
              onFailure: () => setImmediate(() => res.end('Sorry')),
            })
          }
        })
        res.write('body')
        expect(await received(socket)).toMatch(/^HTTP\/1.1 500 (.*\r\n)*\r\nSorry$/)
      }
    },
  )

  test('and an error page that comes later is sent as well', async () => {
    for (const fail of Object.values(faults)) {
      const { res, socket } = await serve((res) =>
        gateResponse(res, { beforeHead: fail, onFailure: () => setImmediate(() => res.end('Sorry')) }),
      )
      res.writeHead(200, page)
      expect(unchunked(await received(socket))).toMatch(/^HTTP\/1.1 500 .*Sorry/s)
    }
  })
})

test.for(['at once', 'held'] as const)(
  'what Node refuses to send fails like a hook, or throws: %s',
  async (mode) => {
    const refused: Record<string, (res: ServerResponse) => unknown> = {
      ERR_HTTP_INVALID_STATUS_CODE: (res) => {
        res.statusCode = 1000
        res.end('body')
      },
      ERR_UNKNOWN_ENCODING: (res) => res.writeHead(200).write('body', 'klingon' as never),
    }
    for (const [code, answer] of Object.entries(refused)) {
      const seen: unknown[] = []
      const { res, socket } = await serve((res) =>
        gateResponse(res, { beforeHead: modes[mode], onFailure: (error) => void seen.push(error) }),
      )
      try {
        answer(res)
      } catch (error) {
        seen.push(error)
      }
      await turn()
      await turn()
      expect(seen).toEqual([expect.objectContaining({ code })])
      if (!res.headersSent) res.writeHead(500).end('Sorry')
      else res.destroy()
      await received(socket)
    }
  },
)
