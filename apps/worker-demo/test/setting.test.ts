import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { startDemo } from '../server.ts'
import { countingBindings } from './counting-bindings.ts'
import { temporaryFolder } from './temporary-demo.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await temporaryFolder()
})
afterEach(() => rm(dataDir, { recursive: true }))

function startCommand(args: readonly string[], settings: Record<string, string>) {
  const file = fileURLToPath(new URL('../demo.ts', import.meta.url))
  const env = { ...process.env, PORT: '0', DATA_DIR: dataDir, ...settings }
  const demo = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  // Also when the test fails: it would run on by itself.
  onTestFinished(() => void demo.kill())
  return demo
}

test.each([
  { args: [], settings: {}, mode: 'store' },
  { args: [], settings: { SESSIONS: '' }, mode: 'store' },
  { args: [], settings: { SESSIONS: 'hybrid' }, mode: 'hybrid' },
  { args: ['--sessions', 'cookie'], settings: { SESSIONS: 'hybrid' }, mode: 'cookie' },
])('$args $settings starts the demo with $mode', async ({ args, settings, mode }) => {
  const demo = startCommand(args, settings)
  const lines = createInterface({ input: demo.stdout })[Symbol.asyncIterator]()
  const [origin = ''] = /http:.*/.exec(String((await lines.next()).value)) ?? []
  await lines.next()
  expect((await lines.next()).value).toContain(`Sessions: ${mode}.`)
  expect(await (await fetch(origin)).text()).toMatch(new RegExp(`value="${mode}"\\s+aria-current`))
  demo.kill('SIGTERM')
  await once(demo, 'exit')
})

test.each([
  { args: [], settings: { SESSIONS: 'kookie' }, name: 'SESSIONS' },
  { args: ['--sessions', 'kookie'], settings: {}, name: '--sessions' },
])('$args $settings is one sentence that names the three', async ({ args, settings, name }) => {
  const demo = startCommand(args, settings)
  const [complaint, [code]] = await Promise.all([text(demo.stderr), once(demo, 'exit')])
  expect(complaint).toBe(`${name} must be "store", "cookie" or "hybrid", not "kookie".\n`)
  expect(code).toBe(1)
})

test('a wrong option of startDemo is refused before anything starts', async () => {
  const wrong = startDemo({ port: 0, dataDir, sessions: 'Store' })
  await expect(wrong).rejects.toThrow('sessions must be "store", "cookie" or "hybrid", not "Store".')
})

test('a wrong binding fails every page, whatever the visitor chose, and the log names the three', async () => {
  const { default: app } = await import(new URL('../src/index.ts', import.meta.url).href)
  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  for (const path of ['/', '/look', '/explain']) {
    const init = { headers: { cookie: 'mode=store' } }
    const answer: Response = await app.request(
      `http://localhost${path}`,
      init,
      countingBindings('kookie', []),
    )
    expect(answer.status).toBe(500)
    expect(log).toHaveBeenLastCalledWith(
      new Error('SESSION_MODE must be "store", "cookie" or "hybrid", not "kookie".'),
    )
  }
  expect(log).toHaveBeenCalledTimes(3)
  log.mockRestore()
})
