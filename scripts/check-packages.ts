// Packs the packages as `pnpm publish` would and looks at what people would get.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const packages = ['core', 'adapters']
const faults: string[] = []

// A fresh build: what a deleted source left in dist would be packed too.
await Promise.all(
  packages.map((name) => rm(join(root, 'packages', name, 'dist'), { recursive: true, force: true })),
)
await run('tsc', ['-b', ...packages.map((name) => `packages/${name}`)])
console.log((await run('node', ['scripts/check-size.ts'])).trim())

const folder = await mkdtemp(join(tmpdir(), 'coatcheck-pack-'))
try {
  const scope = join(folder, 'node_modules', '@coatcheck')
  await Promise.all(packages.map((name) => checkPackage(name, join(scope, name))))
  const installed = join(root, 'packages/adapters/node_modules')
  for (const name of ['@opentelemetry/api', 'depd', 'hono', 'iron-webcrypto', 'jose']) {
    const link = join(folder, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(installed, name), link)
  }
  for (const name of packages) await checkDoors(join(scope, name))
} finally {
  await rm(folder, { recursive: true })
}

for (const fault of faults) console.error(fault)
if (faults.length > 0) process.exitCode = 1
else console.log(`The packages ${packages.join(' and ')} can be published.`)

async function checkPackage(name: string, unpacked: string): Promise<void> {
  const tarball = join(folder, `${name}.tgz`)
  await run('pnpm', ['--dir', join('packages', name), 'pack', '--out', tarball])
  await mkdir(unpacked, { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', unpacked, '--strip-components=1'])
  await Promise.all([
    checkFiles(name, unpacked),
    run('publint', ['--strict', tarball]),
    run('attw', ['--profile', 'esm-only', '--format', 'ascii', '--no-emoji', tarball]),
  ])
}

async function checkFiles(name: string, unpacked: string): Promise<void> {
  const files = (await readdir(unpacked, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
  for (const required of ['LICENSE', 'README.md']) {
    if (!files.includes(join(unpacked, required))) faults.push(`${name}: the tarball has no ${required}.`)
  }
  for (const file of files) {
    const shown = `${name}: ${file.slice(unpacked.length + 1)}`
    if (/\.test(-d)?\.|\.tsbuildinfo$/.test(basename(file))) faults.push(`${shown} should not be packed.`)
    const text = await readFile(file, 'utf8')
    if (text.includes('coatcheck-source')) faults.push(`${shown} mentions the condition coatcheck-source.`)
    if (text.includes('"workspace:') || text.includes('"catalog:'))
      faults.push(`${shown} mentions the workspace.`)
  }
}

/** Imports every door from the tarballs alone, in a folder that has nothing else but what they depend on. */
async function checkDoors(unpacked: string): Promise<void> {
  const text = await readFile(join(unpacked, 'package.json'), 'utf8')
  const manifest = JSON.parse(text) as { name: string; exports: Record<string, unknown> }
  const doors = Object.keys(manifest.exports).filter((door) => door !== './package.json')
  const imports = doors.map((door) => `await import('${manifest.name}${door.slice(1)}')`).join('\n')
  await run('node', ['--input-type=module', '--eval', imports], folder)
}

/** Runs a program. @returns What it printed; its failure is a fault like any other. */
async function run(program: string, args: readonly string[], cwd: string = root): Promise<string> {
  try {
    return (await promisify(execFile)(program, args, { cwd })).stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    faults.push(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`)
    return ''
  }
}
