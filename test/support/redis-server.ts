import { freeze } from './freeze.ts'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { programs, requireProgram } from '../../scripts/programs.ts'

/** A Redis of its own, on a free loopback port, with its data in a temporary folder. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Ends the process and starts it again on the same port with the same data. */
  restart(): Promise<void>
  start(): Promise<void>
  /** Ends the process; the data stay. `SIGKILL` leaves it no time to save. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Lets the process hang, and go on. */
  freeze(): void
  thaw(): void
  /** Runs one command on a connection of its own. */
  command(...words: (string | number)[]): Promise<unknown>
  /** How often the server has run each command so far, those in scripts included. */
  commandCounts(): Promise<Map<string, number>>
  /** Stops the server and removes its folder. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Three masters without replicas, which share the slots. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[]
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a server. @param settings As on the command line: `['--appendonly', 'yes']`. */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const program = requireProgram(programs.redis)
  for (let attempt = 1; ; attempt++) {
    const folder = await mkdtemp(join(tmpdir(), 'coatcheck-redis-'))
    const server = redisServer(program, await freePort(), folder, settings)
    try {
      await server.start()
      return server
    } catch (error) {
      // Between looking and starting, somebody else may have taken the port.
      await server[Symbol.asyncDispose]()
      if (attempt === 5) throw error
    }
  }
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

function redisServer(
  program: string,
  port: number,
  folder: string,
  settings: readonly string[],
): RedisServer {
  const basics = [
    '--shutdown-timeout',
    '0',
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
  ]
  let child: ChildProcess | null = null
  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const started = spawn(program, [...basics, ...settings], { stdio: 'ignore' })
      running.add((child = started))
      started.once('exit', () => running.delete(started))
      await answering(port, started)
    },
    async stop(signal = 'SIGTERM') {
      const stopped = child
      child = null
      if (stopped === null || !running.has(stopped)) return
      const ended = once(stopped, 'exit')
      stopped.kill('SIGCONT')
      stopped.kill(signal)
      await ended
    },
    async restart() {
      await server.stop()
      await server.start()
    },
    freeze: () => freeze([child?.pid ?? NaN]),
    thaw: () => void child?.kill('SIGCONT'),
    async command(name, ...words) {
      const client = new Redis(port, { retryStrategy: () => null })
      try {
        return await client.call(`${name}`, words)
      } finally {
        client.disconnect()
      }
    },
    async commandCounts() {
      const lines = String(await server.command('INFO', 'commandstats')).matchAll(
        /cmdstat_(\S+?):calls=(\d+)/g,
      )
      return new Map([...lines].map(([, name = '', calls]) => [name, Number(calls)]))
    },
    async [Symbol.asyncDispose]() {
      await server.stop('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
  return server
}

const clusterSettings = [
  '--cluster-enabled',
  'yes',
  '--cluster-node-timeout',
  '1000',
  '--appendonly',
  'yes',
  '--cluster-require-full-coverage',
  'no',
]

/** Starts a cluster. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all([0, 1, 2].map(() => startRedis(clusterSettings)))
  const third = Math.ceil(16_384 / nodes.length)
  for (const [at, node] of nodes.entries()) {
    await node.command('CLUSTER', 'ADDSLOTSRANGE', at * third, Math.min((at + 1) * third, 16_384) - 1)
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', at + 1)
    if (at > 0) await node.command('CLUSTER', 'MEET', '127.0.0.1', nodes[0]!.port)
  }
  await Promise.all(nodes.map((node) => clusterKnows(node, nodes.length)))
  return {
    nodes,
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
    },
  }
}

/** Adds a replica of a node to a cluster; it is in step when this is done, and takes over when the node is lost. */
export async function startReplica(cluster: RedisCluster, of: RedisServer): Promise<RedisServer> {
  const replica = await startRedis(clusterSettings)
  const count = cluster.nodes.length + 1
  await replica.command('CLUSTER', 'MEET', '127.0.0.1', of.port)
  await Promise.all([...cluster.nodes, replica].map((node) => clusterKnows(node, count)))
  await replica.command('CLUSTER', 'REPLICATE', String(await of.command('CLUSTER', 'MYID')))
  await until(async () => {
    const info = String(await replica.command('INFO', 'replication'))
    return info.includes('role:slave') && info.includes('master_link_status:up')
  }, `The replica on port ${replica.port} did not get in step`)
  return replica
}

/** Waits until a replica has all that its node has. */
export async function inStep(node: RedisServer, replica: RedisServer): Promise<void> {
  const offset = async (server: RedisServer, name: string): Promise<string | undefined> =>
    new RegExp(`${name}:(\\d+)`).exec(String(await server.command('INFO', 'replication')))?.[1]
  await until(
    async () => (await offset(node, 'master_repl_offset')) === (await offset(replica, 'slave_repl_offset')),
    'The replica lags',
  )
}

/** Waits until a node of a cluster sees all slots served by so many nodes. */
export async function clusterKnows(node: RedisServer, count: number): Promise<void> {
  await until(async () => {
    const info = String(await node.command('CLUSTER', 'INFO'))
    const served = ['cluster_state:ok', 'cluster_slots_ok:16384', `cluster_known_nodes:${count}`]
    return served.every((line) => info.includes(line))
  }, `The cluster node on port ${node.port} did not find the others`)
}

/** Asks again and again, for at most a minute. */
export async function until(holds: () => Promise<boolean>, fault: string): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await holds().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`${fault} within a minute.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Waits until this very process answers, and has its data. */
async function answering(port: number, child: ChildProcess): Promise<void> {
  await until(async () => {
    if (child.exitCode !== null) return true
    const socket = connect(port, '127.0.0.1')
    try {
      socket.write('INFO\r\n')
      const [answer] = (await once(socket, 'data')) as [Buffer]
      return [`process_id:${child.pid}\r`, 'loading:0\r'].every((line) => answer.includes(line))
    } finally {
      socket.destroy()
    }
  }, `redis-server did not answer on port ${port}`)
  if (child.exitCode !== null) throw new Error(`redis-server on port ${port} ended with ${child.exitCode}.`)
}

/** A port that is free, and whose bus port, 10 000 above, exists. */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    if (port <= 55_000) return port
  }
}
