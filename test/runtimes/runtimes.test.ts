import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Miniflare } from 'miniflare'
import { rolldown } from 'rolldown'
import { expect, test } from 'vitest'
import { findProgram } from '../../scripts/programs.ts'
import vectors from '../vectors/sealed.json' with { type: 'json' }

const here = fileURLToPath(new URL('.', import.meta.url))
const modules = `${here}node_modules/`
const platform = `${process.platform}-${process.arch}`

const runtimes = [
  { name: 'node 22', binary: `${modules}node22-${platform}/bin/node`, args: [], prints: /^ok node 22\./ },
  { name: 'node 24', binary: `${modules}node24-${platform}/bin/node`, args: [], prints: /^ok node 24\./ },
  { name: 'this node', binary: process.execPath, args: [], prints: `ok node ${process.versions.node} ` },
  { name: 'bun', binary: installed('bun'), args: [], prints: /^ok bun / },
  { name: 'deno', binary: installed('deno'), args: ['run', '--cached-only', '-A'], prints: /^ok deno / },
]

test.concurrent.for(runtimes)(
  'the built packages work on $name',
  async ({ name, binary, args, prints }, { expect }) => {
    const stdout = await run({ name, binary, args }, 'smoke.mjs')
    expect(stdout).toMatch(prints)
    console.log(stdout.trim())
  },
)

test('ASVS-11.2.1 what one runtime has sealed, each of them opens', async () => {
  const workerd = await startWorker()
  try {
    const hosts: Host[] = [
      ...runtimes.map((runtime): Host => ({
        name: runtime.name,
        ask: async (command, rows) =>
          JSON.parse(await run(runtime, 'sealed.mjs', command, JSON.stringify(rows))) as string[],
      })),
      { name: 'workerd', ask: (command, rows) => askWorker(workerd, command, rows) },
    ]
    const sealed = await Promise.all(
      hosts.map(async ({ name, ask }) => {
        const tokens = await ask('seal', vectors.sealed)
        return vectors.sealed.map((row, index) => ({ ...row, by: name, token: tokens[index]! }))
      }),
    )
    const rows = [...vectors.sealed.map((row) => ({ ...row, by: 'the vectors' })), ...sealed.flat()]
    // Nobody has made one that somebody else made as well.
    expect(new Set(rows.map(({ token }) => token)).size).toBe((hosts.length + 1) * vectors.sealed.length)
    const wanted = rows.map(({ by, content }) => `${by}: ${content}`)
    for (const { name, ask } of hosts) {
      const opened = await ask('open', rows)
      expect([name, opened.map((content, index) => `${rows[index]!.by}: ${content}`)]).toEqual([name, wanted])
    }
  } finally {
    await workerd.dispose()
  }
})

type Command = 'seal' | 'open'
type Rows = readonly { readonly content: string; readonly token: string }[]

/** A runtime that can be told to seal or open. */
interface Host {
  readonly name: string
  ask(command: Command, rows: Rows): Promise<string[]>
}

/** What a file prints on a runtime. */
async function run(
  { name, binary, args }: Pick<(typeof runtimes)[number], 'name' | 'binary' | 'args'>,
  ...file: string[]
): Promise<string> {
  if (!existsSync(binary)) {
    expect.fail(`${name} is not there: run \`pnpm --dir test/runtimes install\`, or put it on the PATH.`)
  }
  return (await promisify(execFile)(binary, [...args, ...file], { cwd: here })).stdout
}

/** The worker of sealed.mjs, in workerd. */
async function startWorker(): Promise<Miniflare> {
  const id = `${here}sealed-worker.js`
  const bundle = await rolldown({
    input: id,
    platform: 'neutral',
    plugins: [
      {
        name: 'sealed-worker',
        resolveId: (source) => (source === id ? id : null),
        load: (module) => (module === id ? "export { worker as default } from './sealed.mjs'" : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
  await bundle.close()
  const options = { modules: true, compatibilityDate: '2026-07-01', cf: false } as const
  return new Miniflare({ ...options, telemetry: { enabled: false }, script: output[0].code })
}

async function askWorker(workerd: Miniflare, command: Command, rows: Rows): Promise<string[]> {
  const body = JSON.stringify({ command, rows })
  const response = await workerd.dispatchFetch('https://shop.test/', { method: 'POST', body })
  return (await response.json()) as string[]
}

/** From npm, which has it for the common platforms; otherwise the user's own. */
function installed(program: string): string {
  const own = `${modules}.bin/${program}`
  return existsSync(own) ? own : (findProgram([program]) ?? own)
}
