import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'vitest'
import { findProgram } from '../../scripts/programs.ts'

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
    if (!existsSync(binary)) {
      expect.fail(`${name} is not there: run \`pnpm --dir test/runtimes install\`, or put it on the PATH.`)
    }
    const { stdout } = await promisify(execFile)(binary, [...args, 'smoke.mjs'], { cwd: here })
    expect(stdout).toMatch(prints)
    console.log(stdout.trim())
  },
)

/** From npm, which has it for the common platforms; otherwise the user's own. */
function installed(program: string): string {
  const own = `${modules}.bin/${program}`
  return existsSync(own) ? own : (findProgram([program]) ?? own)
}
