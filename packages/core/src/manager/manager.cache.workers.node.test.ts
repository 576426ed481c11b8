import { fileURLToPath } from 'node:url'
import { Miniflare } from 'miniflare'
import { rolldown } from 'rolldown'
import { expect, onTestFinished, test } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { secret } from '../../../../test/support/cloakroom.ts'

/** A Worker whose manager lives for all of its requests, and counts what it asks its store. */
const worker = `
  import { createSessionManager } from '@coatcheck/core'
  import { memoryStore } from '@coatcheck/core/memory-store'
  import { lazily } from './lazy-backend.ts'

  const memory = memoryStore()
  let calls = 0
  const store = {
    ...memory,
    get(...args) {
      calls++
      return memory.get(...args)
    },
    compareAndSet(...args) {
      calls++
      return memory.compareAndSet(...args)
    },
  }
  const sessions = createSessionManager({ secrets: ['${secret}'], store, cache: { for: '10m' } })

  const slow = lazily({ needsCookie: () => false }, async () => {
    await scheduler.wait(50)
    return { reload: async () => null }
  })

  export default {
    async fetch(request) {
      if (request.url.endsWith('/slow')) return Response.json(await slow.reload())
      if (request.url.endsWith('/leave')) {
        void slow.reload()
        return Response.json('gone')
      }
      const before = calls
      return sessions.handle(request, (session) => {
        if (request.url.endsWith('/login')) session.login('ann')
        if (request.url.endsWith('/count')) session.update('views', (views = 0) => views + 1)
        return Response.json([session.userId, session.get('views') ?? 0, calls - before])
      })
    },
  }
`

const workerFile = fileURLToPath(new URL('worker-of-this-test.js', import.meta.url))

/** The Worker in workerd; what is loaded lazily is a module of its own there. */
async function startWorker(): Promise<Miniflare> {
  const bundle = await rolldown({
    input: workerFile,
    platform: 'neutral',
    resolve: { conditionNames: ['coatcheck-source', 'workerd', 'import', 'default'] },
    plugins: [
      {
        name: 'worker-of-this-test',
        resolveId: (source) => (source === workerFile ? source : null),
        load: (module) => (module === workerFile ? worker : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', entryFileNames: 'worker.js' })
  await bundle.close()
  const chunks = output.filter((file) => file.type === 'chunk')
  const [entry] = chunks
  expect(entry?.fileName).toBe('worker.js')
  expect(entry?.code).not.toContain('CompactEncrypt')
  return new Miniflare({
    modules: chunks.map(({ code, fileName }) => ({ type: 'ESModule', path: fileName, contents: code })),
    compatibilityDate: '2026-07-01',
    cf: false,
    telemetry: { enabled: false },
  })
}

test(
  'a Worker loads what the option needs once, and no request waits for another: those that begin at once, and those after',
  { timeout: 120_000 },
  async () => {
    const workerd = await startWorker()
    onTestFinished(() => workerd.dispose())
    const visit = async (browser: Browser, path: string): Promise<unknown> => {
      const headers = browser.cookie === null ? {} : { cookie: browser.cookie }
      const response = await workerd.dispatchFetch(`https://shop.test${path}`, { headers })
      browser.receive(response as unknown as Response)
      return response.json()
    }
    const browsers = Array.from({ length: 8 }, () => new Browser())
    const logins = await Promise.all(browsers.map((browser) => visit(browser, '/login')))
    expect(logins.map((login) => (login as unknown[])[0])).toEqual(browsers.map(() => 'ann'))
    for (let round = 1; round <= 3; round++) {
      await Promise.all(browsers.map((browser) => visit(browser, '/count')))
      for (const browser of browsers) expect(await visit(browser, '/')).toEqual(['ann', round, 0])
    }
  },
)

test(
  'what one request begins to load is not waited for by others: with that request, its promise ends for ever',
  { timeout: 120_000 },
  async () => {
    const workerd = await startWorker()
    onTestFinished(() => workerd.dispose())
    const ask = async (path: string): Promise<unknown> =>
      (await workerd.dispatchFetch(`https://shop.test${path}`)).json()
    expect(await ask('/leave')).toBe('gone')
    expect(await Promise.all([ask('/slow'), ask('/slow')])).toEqual([null, null])
    expect(await ask('/slow')).toBeNull()
  },
)
