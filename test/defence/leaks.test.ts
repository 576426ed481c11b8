import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Browser } from '../support/browser.ts'
import { openCloakroom, secret, type Cloakroom, type Goods } from '../support/cloakroom.ts'
import { startLeakWatch, type LeakWatch } from '../support/leak-watch.ts'

const root = join(import.meta.dirname, '../..')

describe('the watch over the tests of the project `node`', () => {
  let watch: LeakWatch
  beforeEach(() => {
    // The report of the tests is no place for what leaks here.
    for (const method of ['dir', 'info', 'log', 'warn'] as const) vi.spyOn(console, method).mockReturnValue()
    vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    watch = startLeakWatch()
  })
  afterEach(() => {
    watch.stop()
    vi.restoreAllMocks()
  })

  interface Stage {
    readonly room: Cloakroom<Goods>
    readonly browser: Browser
    readonly token: string
    readonly proof: string
  }

  /** What a leak would look like, and what the watch says of it. */
  const leaks: Record<string, { leak: (stage: Stage) => unknown; fault: RegExp }> = {
    'a log line with a token': {
      leak: ({ token }) => console.info(`Loaded ${token}`),
      fault: /^console\.info shows a proof$/,
    },
    'a logged object with a proof deep inside': {
      leak: ({ proof }) => console.dir({ a: { b: { c: { d: [{ proof }] } } } }),
      fault: /^console\.dir shows a proof$/,
    },
    'a log line that a stand-in of a test swallows': {
      leak({ token }) {
        vi.spyOn(console, 'warn').mockImplementation(() => {})
        console.warn(token)
      },
      fault: /^console\.warn shows a proof$/,
    },
    'a write to the standard output': {
      leak: ({ proof }) => process.stdout.write(`\n${proof.slice(4, 40)}\n`),
      fault: /^process\.stdout shows a proof$/,
    },
    'a secret in hexadecimal': {
      leak: () => console.log(Buffer.from(secret).toString('hex')),
      fault: /^console\.log shows a secret$/,
    },
    'a secret in base64': {
      leak: () => console.log(Buffer.from(secret).toString('base64')),
      fault: /^console\.log shows a secret$/,
    },
    'an event with a line break': {
      leak: ({ browser, room }) => room.visit(browser, (session) => session.login('ann\nlogin: bob')),
      fault: /^the event login holds a control character$/,
    },
    'an event whose error has a token': {
      leak: ({ browser, room, token }) => visitBrokenStore(room, browser, new Error(`No such key: ${token}`)),
      fault: /^the event store-failure shows a proof$/,
    },
    'an error whose cause has a token': {
      leak: ({ browser, room, token }) => visitBrokenStore(room, browser, new Error(`No such key: ${token}`)),
      fault: /^an error shows a proof$/,
    },
    'an error whose cause has a secret as a property': {
      leak: ({ browser, room }) =>
        visitBrokenStore(room, browser, Object.assign(new Error('No.'), { options: { key: secret } })),
      fault: /^an error shows a secret$/,
    },
    'a token in the store': {
      leak: ({ browser, room, token }) => room.visit(browser, (session) => session.set('theme', token)),
      fault: /^the store holds \d+ texts that work as a cookie$/,
    },
    'a proof in the store, beside its id': {
      leak: ({ browser, proof, room }) =>
        room.visit(browser, (session) => session.set('cart', ['hat', proof])),
      fault: /^the store holds \d+ texts that work as a cookie$/,
    },
    'a proof that was in the store for a moment': {
      async leak({ browser, proof, room }) {
        await room.visit(browser, (session) => session.set('theme', proof))
        await room.visit(browser, (session) => session.delete('theme'))
      },
      fault: /^the store holds \d+ texts that work as a cookie$/,
    },
  }

  test.for(Object.entries(leaks))('finds %s', async ([, { fault, leak }]) => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const token = browser.value()
    expect(await watch.takeFaults()).toEqual([])
    await leak({ room, browser, token, proof: token.split('.')[1]! })
    expect(await watch.takeFaults()).toContainEqual(expect.stringMatching(fault))
  })

  test('tells of a leak without repeating it', async () => {
    const token = (await openCloakroom().welcome()).value()
    console.info(token)
    const [fault] = await watch.takeFaults()
    expect(fault).not.toContain(token.slice(50, 60))
  })

  test('finds nothing in a day of visits', async () => {
    const room = openCloakroom()
    const browser = await room.welcome()
    const old = browser.copy()
    await room.visit(browser, (session) => session.rotate())
    await room.visit(old, (session) => session.set('theme', 'dark'))
    await room.visit(browser, (session) => session.destroy())
    console.info(room.events, room.sessions, await room.load(browser))
    expect(await watch.takeFaults()).toEqual([])
  })

  test('lets go of what it watched', () => {
    const { console } = globalThis
    const again = startLeakWatch()
    expect(globalThis.console).not.toBe(console)
    again.stop()
    expect(globalThis.console).toBe(console)
  })
})

/** The part of vitest's JSON report that is looked at. */
interface Report {
  testResults: { assertionResults: { title: string; status: string; failureMessages: string[] }[] }[]
}

/** A visit while the store throws this. */
async function visitBrokenStore(room: Cloakroom<Goods>, browser: Browser, error: Error): Promise<void> {
  const broken = { ...room.memory, get: () => Promise.reject(error) }
  const visit = room.reopen({ store: broken }).visit(browser, () => {})
  await expect(visit).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', cause: error })
}

test('ASVS-16.2.5 the tests of the project `node` run under the watch', async () => {
  const config = await readFile(join(root, 'vitest.config.ts'), 'utf8')
  const [, project = ''] = /name: 'node',([^}]*)\}/.exec(config) ?? []
  expect(project).toContain("setupFiles: ['test/support/leak-watch.setup.ts']")
})

test('ASVS-16.2.5 a test that leaks fails under the watch, and one that does not passes', async () => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const config = join(root, 'test/defence/leaking/vitest.config.ts')
  const folder = await mkdtemp(join(tmpdir(), 'coatcheck-leaks-'))
  const report = join(folder, 'report.json')
  const args = [vitest, 'run', '--config', config, '--reporter=json', `--outputFile=${report}`]
  await new Promise((ended) => execFile(process.execPath, args, { cwd: root }, ended))
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as Report
  await rm(folder, { recursive: true })
  const results = testResults.flatMap(({ assertionResults }) => assertionResults)
  expect(results.map(({ title, status }) => [title, status])).toEqual([
    ['keeps everything to itself', 'passed'],
    ['prints a token', 'failed'],
  ])
  expect(results[1]?.failureMessages.join()).toContain('console.log shows a proof')
})
