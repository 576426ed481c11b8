import { createServer } from 'node:http'
import express, { type RequestHandler, type Response } from 'express'
import { Server, type Socket } from 'socket.io'
import { io, type Socket as ClientSocket } from 'socket.io-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { implementations, type Implementation } from './implementations.ts'
import { listen } from './listen.ts'
import { dropIn, secret, WatchedStore, type PageRequest, type PageSession } from './pages.ts'
import { Visitor } from './visitor.ts'

type Transport = 'polling' | 'websocket'
type Reply = (answer: unknown) => void

interface Chat {
  readonly visitor: Visitor
  readonly watched: WatchedStore
  /** Opens a socket with the cookies that the visitor has now. */
  readonly connect: (...transports: Transport[]) => Promise<ClientSocket>
}

async function openChat(session: Implementation, { saveUninitialized = false } = {}): Promise<Chat> {
  const watched = new WatchedStore(session)
  const middleware = session({ secret, resave: false, saveUninitialized, store: watched.store })
  const app = express().use(middleware)
  app.get('/', ((req: PageRequest, res: Response) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.json(req.session)
  }) as unknown as RequestHandler)
  app.get('/look', (req, res) => void res.json(req.session))
  app.get('/logout', (req, res) => {
    req.session.destroy(() => res.end())
  })
  const http = createServer(app)
  const server = new Server(http)
  server.engine.use(middleware)
  server.on('connection', serveSocket)
  const origin = await listen(http)
  onTestFinished(() => server.disconnectSockets(true))
  const visitor = new Visitor(origin)
  const connect: Chat['connect'] = (...transports) => connectTo(origin, visitor, transports)
  return { visitor, watched, connect }
}

function serveSocket(socket: Socket): void {
  const request = socket.request as unknown as PageRequest
  const after = (reply: Reply, then: (session: PageSession) => void) => (error: unknown) => {
    if (error instanceof Error) reply({ error: error.message })
    else then(request.session)
  }
  socket.on('look', (reply: Reply) => reply(request.session))
  socket.on('reload', (reply: Reply) => {
    request.session.reload(after(reply, (session) => reply(session)))
  })
  socket.on('say', (key: string, reply: Reply) => {
    request.session[key] = true
    request.session.save(after(reply, () => reply('said')))
  })
  socket.on('reload and say', (key: string, reply: Reply) => {
    request.session.reload(
      after(reply, (session) => {
        session[key] = true
        session.save(after(reply, () => reply('said')))
      }),
    )
  })
}

async function connectTo(origin: string, visitor: Visitor, transports: Transport[]): Promise<ClientSocket> {
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const client = io(origin, {
    transports,
    forceNew: true,
    reconnection: false,
    ...(cookie === '' ? {} : { extraHeaders: { cookie } }),
  })
  onTestFinished(() => void client.close())
  await new Promise<void>((resolve, reject) => {
    client.on('connect', resolve)
    client.on('connect_error', reject)
  })
  return client
}

const transports: readonly Transport[] = ['polling', 'websocket']

describe.for(implementations)('socket.io over %s', ([, session]) => {
  describe.for(transports)('by %s', (transport) => {
    test('sees what the pages have put into the session', async () => {
      const { visitor, connect } = await openChat(session)
      await visitor.read()
      await visitor.read()
      const socket = await connect(transport)
      expect(await socket.emitWithAck('look')).toMatchObject({ views: 2 })
    })

    test('sees what pages put there later, after a reload', async () => {
      const { visitor, connect } = await openChat(session)
      await visitor.read()
      const socket = await connect(transport)
      await visitor.read()
      expect(await socket.emitWithAck('look')).toMatchObject({ views: 1 })
      expect(await socket.emitWithAck('reload')).toMatchObject({ views: 2 })
      expect(await socket.emitWithAck('look')).toMatchObject({ views: 2 })
    })

    test('shows the pages what it has saved', async () => {
      const { visitor, watched, connect } = await openChat(session)
      await visitor.read()
      const socket = await connect(transport)
      expect(await socket.emitWithAck('say', 'hello')).toBe('said')
      expect(JSON.parse(await visitor.read())).toMatchObject({ views: 2, hello: true })
      expect(await socket.emitWithAck('reload and say', 'bye')).toBe('said')
      expect(JSON.parse(await visitor.read('/look'))).toMatchObject({ views: 2, hello: true, bye: true })
      expect(watched.ids).toHaveLength(1)
    })

    test('stores nothing for strangers', async () => {
      const { watched, connect } = await openChat(session)
      const socket = await connect(transport)
      expect(await socket.emitWithAck('look')).not.toHaveProperty('views')
      expect(watched.takeWrites()).toEqual([])
    })

    test('hears of the logout when it reloads', async () => {
      const { visitor, watched, connect } = await openChat(session)
      await visitor.read()
      const socket = await connect(transport)
      await visitor.read('/logout')
      expect(await socket.emitWithAck('reload')).toEqual({ error: 'failed to load session' })
      expect(watched.ids).toEqual([])
    })
  })

  test('goes on when polling is upgraded to a websocket', async () => {
    const { visitor, connect } = await openChat(session)
    await visitor.read()
    const socket = await connect('polling', 'websocket')
    const { engine } = socket.io
    if (engine.transport.name === 'polling') await new Promise((resolve) => engine.once('upgrade', resolve))
    expect(await socket.emitWithAck('say', 'hello')).toBe('said')
    expect(JSON.parse(await visitor.read())).toMatchObject({ views: 2, hello: true })
  })

  test('begins a session by the handshake where new sessions are saved', async () => {
    const { visitor, watched } = await openChat(session, { saveUninitialized: true })
    await visitor.read('/socket.io/?EIO=4&transport=polling')
    expect(watched.ids).toHaveLength(1)
    expect(JSON.parse(await visitor.read())).toMatchObject({ views: 1 })
    expect(watched.ids).toHaveLength(1)
  })
})

describe.for(transports)('the drop-in under socket.io by %s', (transport) => {
  // express-session writes the whole session as the socket once found it: what others changed since is lost.
  test('loses nothing that pages and other sockets have changed since the handshake', async () => {
    const { visitor, watched, connect } = await openChat(dropIn)
    await visitor.read()
    const [one, other] = await Promise.all([connect(transport), connect(transport)])
    await visitor.read()
    await Promise.all([one.emitWithAck('say', 'hello'), other.emitWithAck('say', 'bye')])
    expect(watched.record()).toMatchObject({ views: 2, hello: true, bye: true })
  })

  // express-session brings the session back.
  test('lets nobody in again who has logged out', async () => {
    const { visitor, watched, connect } = await openChat(dropIn)
    await visitor.read()
    const tab = visitor.copy()
    const socket = await connect(transport)
    await visitor.read('/logout')
    await socket.emitWithAck('say', 'hello')
    expect(watched.ids).toEqual([])
    expect(JSON.parse(await tab.read('/look'))).not.toHaveProperty('views')
  })
})
