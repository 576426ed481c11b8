// What the READMEs show has to compile and to run. A block's first line names its file: `// hono.ts`.
import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeServer } from '../support/node-server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, '.cache', 'readme')

interface Block {
  /** Where it is written to, below the folder of its world. */
  readonly file: string
  /** Whose globals it uses. */
  readonly world: 'node' | 'workers'
  readonly code: string
}

const blocks = await readBlocks()
const optionsOf = {
  node: { types: ['node'] },
  workers: { types: ['@cloudflare/workers-types'], lib: ['es2024'] },
}
const worlds = new Set(blocks.map(({ world }) => world))
const miniflare = new Miniflare({
  modules: true,
  script: 'export default {}',
  kvNamespaces: ['SESSIONS'],
  cf: false,
})

beforeAll(async () => {
  process.env['SESSION_SECRET'] = randomSecret()
  await rm(folder, { recursive: true, force: true })
  for (const { file, code, world } of blocks) {
    const path = join(folder, world, file)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, code)
  }
})

afterAll(() => miniflare.dispose())

test('the README has a quick start for Hono, for Workers, and for neither', () => {
  expect(blocks.map(({ file }) => file)).toEqual(
    expect.arrayContaining(['README/hono.ts', 'README/worker.ts', 'README/raw.ts']),
  )
})

test.each([...worlds])('every example with the globals of %s compiles', async (world) => {
  await writeFile(join(folder, world, 'tsconfig.json'), JSON.stringify(tsconfig(optionsOf[world])))
  // Through project references, so that the examples meet the declarations that users get.
  const tsc = promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-b', join(folder, world)], {
    cwd: root,
  })
  const { stdout } = await tsc.catch((failure: { stdout: string }) => failure)
  expect(stdout).toBe('')
})

const runnable = blocks.filter(({ code }) =>
  /^export default \S|^export async function handler|^app\.get\(/m.test(code),
)

test.each(runnable)('$file counts the visits of one visitor', async ({ file, world }) => {
  const fetch = await handlerOf(join(folder, world, file))
  const first = await fetch(new Request('https://app.example/'))
  expect(await first.text()).toContain('Visit 1')
  expect(first.headers.getSetCookie()).toHaveLength(1)
  const cookie = first.headers.getSetCookie()[0]!.split(';')[0]!
  const second = await fetch(new Request('https://app.example/', { headers: { cookie } }))
  expect(await second.text()).toContain('Visit 2')
})

async function readBlocks(): Promise<Block[]> {
  const found: Block[] = []
  for (const readme of globSync(['README.md', 'packages/*/README.md'], { cwd: root })) {
    const text = await readFile(join(root, readme), 'utf8')
    for (const [index, [, code = '']] of [...text.matchAll(/^```ts\n(.*?)^```$/gms)].entries()) {
      const name = /^\/\/ ([\w.-]+\.ts)\b/.exec(code)?.[1] ?? `block-${index + 1}.ts`
      const world = /\b(?:KVNamespace|ExportedHandler|ExecutionContext)\b/.test(code) ? 'workers' : 'node'
      found.push({ file: `${readme.slice(0, -3)}/${name}`, world, code })
    }
  }
  return found
}

function tsconfig(options: object): object {
  return {
    extends: join(root, 'tsconfig.test.json'),
    compilerOptions: { rootDir: '.', outDir: 'out', noPropertyAccessFromIndexSignature: false, ...options },
    include: ['**/*.ts'],
    exclude: ['out'],
    references: ['core', 'adapters'].map((name) => ({ path: join(root, 'packages', name) })),
  }
}

/** An app or a worker by default export, a function called handler, or an app of Express. */
async function handlerOf(path: string): Promise<(request: Request) => Promise<Response>> {
  const module = (await import(path)) as {
    default?: { fetch(request: Request, env: object, context: object): Promise<Response> | Response }
    handler?: (request: Request) => Promise<Response>
    app?: RequestListener
  }
  if (module.handler !== undefined) return module.handler
  if (module.app !== undefined) return nodeServer(module.app)
  const env = {
    SESSIONS: await miniflare.getKVNamespace('SESSIONS'),
    SESSION_SECRET: randomSecret(),
  }
  const context = { waitUntil() {}, passThroughOnException() {} }
  return async (request) => module.default!.fetch(request, env, context)
}

function randomSecret(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
}
