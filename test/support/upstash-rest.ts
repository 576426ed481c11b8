import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'

/** A Redis server behind the REST protocol of Upstash: single commands and pipelines. */
export interface UpstashRest {
  readonly url: string
  readonly token: string
  /** The requests so far, each as its path and body. */
  readonly requests: string[]
  /** Answers are done, but withheld from now on; to see what a client does without them. */
  loseAnswers(count: number): void
  [Symbol.asyncDispose](): Promise<void>
}

type Reply = { result: unknown } | { error: string }

/** Starts the front of a Redis server. */
export async function startUpstashRest(redisPort: number): Promise<UpstashRest> {
  const redis = new Redis(redisPort, { retryStrategy: () => 50, maxRetriesPerRequest: 0 })
  redis.on('error', () => {})
  const [token, requests] = ['a token for tests', [] as string[]]
  let lost = 0
  const server = createServer((request, response) => void respond(request, response))

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [status, body] = await answer(request)
    if (lost > 0) {
      lost--
      response.destroy()
    } else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

  async function answer(request: IncomingMessage): Promise<[status: number, body: unknown]> {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
    if (request.headers.authorization !== `Bearer ${token}`) {
      return [401, { error: 'WRONGPASS invalid or missing auth token' }]
    }
    requests.push(`${request.url} ${text}`)
    const encoding = request.headers['upstash-encoding'] === 'base64' ? 'base64' : 'utf8'
    if (request.url === '/pipeline') {
      const commands = JSON.parse(text) as unknown[][]
      return [200, await Promise.all(commands.map((command) => run(command, encoding)))]
    }
    const reply = request.url === '/' ? await run(JSON.parse(text) as unknown[], encoding) : unknownPath
    return ['error' in reply ? 400 : 200, reply]
  }

  async function run(command: unknown[], encoding: BufferEncoding): Promise<Reply> {
    const [name = '', ...words] = command.map((word) =>
      typeof word === 'string' ? word : JSON.stringify(word),
    )
    try {
      return { result: encoded(await redis.callBuffer(name, ...words), encoding) }
    } catch (error) {
      return { error: (error as Error).message }
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    requests,
    loseAnswers: (count) => void (lost = count),
    async [Symbol.asyncDispose]() {
      redis.disconnect()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const unknownPath: Reply = { error: 'ERR this front knows only / and /pipeline' }

/** Strings in the asked-for encoding, nested ones too, but never the status `OK`; numbers and null as they are. */
function encoded(value: unknown, encoding: BufferEncoding): unknown {
  if (Array.isArray(value)) return value.map((item) => encoded(item, encoding))
  if (!Buffer.isBuffer(value)) return value
  return value.equals(Buffer.from('OK')) ? 'OK' : value.toString(encoding)
}
