import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import compression from 'compression'
import morgan from 'morgan'
import onHeaders from 'on-headers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { gateResponse } from './response-gate.ts'

type Patch = (req: IncomingMessage, res: ServerResponse) => void

const settles = {
  'at once': () => undefined,
  held: () => new Promise<void>((settle) => setImmediate(settle)),
}
const orders = ['before the gate', 'after the gate'] as const
const cases = orders.flatMap((order) =>
  Object.entries(settles).map(([when, settle]) => [order, when, settle] as const),
)

interface Setting {
  readonly order: (typeof orders)[number]
  readonly settle: () => void | Promise<void>
  readonly patch: Patch
  readonly answer: (res: ServerResponse) => unknown
  readonly beforeHead?: (res: ServerResponse) => void
}

/** Fetches a page whose response carries a gate and a patch, in that order or the other. */
async function page(setting: Setting, init?: RequestInit): Promise<{ response: Response; body: string }> {
  const { order, settle, patch, answer, beforeHead } = setting
  const server = createServer((req, res) => {
    if (order === 'before the gate') patch(req, res)
    gateResponse(res, {
      beforeHead(head) {
        beforeHead?.(res)
        const settled = settle()
        head.setHeader('X-Hook', 'ran')
        return settled?.then(() => void head.setHeader('X-Hook', 'ran later'))
      },
      beforeEnd: settle,
      onFailure: expect.unreachable,
    })
    if (order === 'after the gate') patch(req, res)
    void answer(res)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, init)
  const body = await response.text()
  expect(response.headers.get('X-Hook')).toBe(settle === settles.held ? 'ran later' : 'ran')
  return { response, body }
}

const text = 'All the coats of the world. '.repeat(10_000)
const html = { 'Content-Type': 'text/html' }

describe.for(cases)('a patch %s, whose hooks settle %s:', ([order, , settle]) => {
  describe('compression', () => {
    const patch: Patch = (req, res) => compression()(req as never, res as never, () => {})
    const answers: Record<string, (res: ServerResponse) => unknown> = {
      'end(string)': (res) => void res.setHeader('Content-Type', 'text/html').end(text),
      'end(Buffer) after writeHead': (res) => void res.writeHead(200, html).end(Buffer.from(text)),
      'write and end': (res) => {
        res.setHeader('Content-Type', 'text/html').write(text.slice(0, 20))
        res.write(text.slice(20, 100_000))
        res.end(text.slice(100_000))
      },
      'flushHeaders first': (res) => {
        res.setHeader('Content-Type', 'text/html').flushHeaders()
        res.end(text)
      },
      'a pipe of few big chunks': (res) => {
        res.writeHead(200, html)
        Readable.from([text.slice(0, 140_000), text.slice(140_000)]).pipe(res)
      },
      'a pipe of many small chunks': (res) => {
        res.setHeader('Content-Type', 'text/html')
        Readable.from(text.match(/.{1,100}/gs)!).pipe(res)
      },
      'writes that wait for drain': async (res) => {
        res.setHeader('Content-Type', 'text/html')
        for (const chunk of text.match(/.{1,1000}/gs)!) if (!res.write(chunk)) await once(res, 'drain')
        res.end()
      },
    }

    test.for(Object.entries(answers))('packs what it would pack: %s', async ([name, answer]) => {
      const { response, body } = await page({ order, settle, patch, answer })
      expect(body).toBe(text)
      expect([response.headers.get('Content-Encoding'), response.headers.get('Vary')], name).toEqual([
        'gzip',
        'Accept-Encoding',
      ])
    })

    test('leaves alone what it would leave alone, HEAD too', async () => {
      const answer = (res: ServerResponse) => void res.setHeader('Content-Type', 'text/html').end('short')
      const { response, body } = await page({ order, settle, patch, answer })
      expect(response.headers.has('Content-Encoding')).toBe(false)
      expect(body).toBe('short')
      const { response: head } = await page({ order, settle, patch, answer }, { method: 'HEAD' })
      expect(head.status).toBe(200)
    })

    test('leaves a pipe of small chunks that are not to be packed alone', async () => {
      const answer = (res: ServerResponse) => {
        res.writeHead(200, { 'Content-Type': 'image/png' })
        Readable.from(['one ', 'two ', 'three']).pipe(res)
      }
      expect((await page({ order, settle, patch, answer })).body).toBe('one two three')
    })
  })

  const simple: Record<string, (res: ServerResponse) => unknown> = {
    'writeHead and end': (res) => res.writeHead(201, { 'X-Own': 'yes' }).end('body'),
    end: (res) => {
      res.statusCode = 201
      res.setHeader('X-Own', 'yes').end('body')
    },
    'write and end': (res) => {
      res.statusCode = 201
      res.setHeader('X-Own', 'yes').write('bo')
      res.end('dy')
    },
    'flushHeaders and end': (res) => {
      res.statusCode = 201
      res.setHeader('X-Own', 'yes').flushHeaders()
      res.end('body')
    },
  }

  describe.for(Object.entries(simple))('by %s,', ([name, answer]) => {
    test('on-headers hears of the head once, and what it sets stays', async () => {
      const heard: unknown[] = []
      const patch: Patch = (_req, res) =>
        onHeaders(res, () => {
          heard.push(res.getHeader('X-Own'), res.hasHeader('X-Hook'))
          res.setHeader('X-Listener', 'heard')
        })
      const seen: unknown[] = []
      const beforeHead = (res: ServerResponse) => void seen.push(res.getHeader('X-Listener'))
      const { response, body } = await page({ order, settle, patch, answer, beforeHead })
      const outside = order === 'after the gate'
      // Outside the gate it comes before the hook, inside after it.
      expect(heard).toEqual(['yes', !outside])
      expect(seen).toEqual([outside ? 'heard' : undefined])
      expect([response.status, response.headers.get('X-Listener'), body]).toEqual([201, 'heard', 'body'])
    })

    test('on-headers can still change the status', async () => {
      const patch: Patch = (_req, res) => onHeaders(res, () => void (res.statusCode = 418))
      expect((await page({ order, settle, patch, answer })).response.status).toBe(418)
    })

    test('morgan writes one line, of what was sent', async () => {
      const line = Promise.withResolvers<string>()
      const stream = { write: line.resolve }
      const patch: Patch = (req, res) =>
        morgan(':method :status :res[x-hook]', { stream })(req, res, () => {})
      await page({ order, settle, patch, answer })
      expect(await line.promise).toBe(`GET 201 ${settle === settles.held ? 'ran later' : 'ran'}\n`)
    })

    test('a wrapper of all methods is called as it would be', async () => {
      const calls: string[] = []
      const patch: Patch = (_req, res) => {
        const methods = res as unknown as Record<string, (...args: unknown[]) => unknown>
        for (const method of ['writeHead', 'write', 'end']) {
          const inner = methods[method]!
          methods[method] = function wrapper(...args) {
            calls.push(method)
            if (method === 'writeHead') res.appendHeader('X-Wrapper', 'ran')
            return inner.apply(this, args)
          }
        }
      }
      const { response, body } = await page({ order, settle, patch, answer })
      const expected = ['writeHead', ...(name === 'write and end' ? ['write'] : []), 'end']
      expect(calls.toSorted()).toEqual(expected.toSorted())
      expect([response.status, response.headers.get('X-Wrapper'), body]).toEqual([201, 'ran', 'body'])
    })
  })
})
