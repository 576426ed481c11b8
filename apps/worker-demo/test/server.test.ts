import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startDemo } from '../server.ts'
import { temporaryFolder } from './temporary-demo.ts'
import { createVisitor } from './visitor.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await temporaryFolder()
})
afterEach(() => rm(dataDir, { recursive: true }))

test('a session survives a restart, because records and secret are kept', async () => {
  const first = await startDemo({ port: 0, dataDir })
  const visitor = createVisitor(first)
  await visitor.post('/sign-in', { name: 'Ada' })
  await first.stop()
  const secret = await readFile(join(dataDir, 'secret'), 'utf8')
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
  expect((await stat(join(dataDir, 'secret'))).mode & 0o777).toBe(0o600)

  const second = await startDemo({ port: 0, dataDir })
  const again = createVisitor(second)
  for (const [name, value] of visitor.jar) again.jar.set(name, value)
  expect(await again.read()).toContain('Welcome, <bdi>Ada</bdi>')
  await second.stop()
  expect(await readFile(join(dataDir, 'secret'), 'utf8')).toBe(secret)
})

test.each(['127.0.0.1', '::1'])('a port that is taken on %s is named, and a free one used', async (host) => {
  const other = createServer().listen(0, host)
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const lines: string[] = []
  const demo = await startDemo({ port, dataDir, log: (line) => lines.push(line) })
  expect(lines).toEqual([expect.stringContaining(`Port ${port} is taken`)])
  expect(demo.port).not.toBe(port)
  expect((await fetch(`${demo.origin}/style.css`)).status).toBe(200)
  await demo.stop()
  other.close()
})

test.each(['SIGINT', 'SIGTERM'] as const)('%s stops the demo and its workerd', async (signal) => {
  const file = fileURLToPath(new URL('../demo.ts', import.meta.url))
  const env = { ...process.env, PORT: '0', DATA_DIR: dataDir }
  const demo = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: demo.stdout })[Symbol.asyncIterator]()
  const [, origin = ''] =
    /^coatcheck demo: (http:\/\/localhost:\d+)$/.exec(String((await lines.next()).value)) ?? []
  expect((await lines.next()).value).toBe('Ctrl-C stops it')
  expect((await fetch(origin)).status).toBe(200)
  demo.kill(signal)
  expect(await once(demo, 'exit')).toEqual([0, null])
  await expect(fetch(origin)).rejects.toThrow('fetch failed')
})
