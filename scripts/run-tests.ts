import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { unproven, type Report } from './conformance.ts'
import { canInstall, findProgram, howToInstall, installCommand, programs } from './programs.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const report = `${root}.cache/tests.json`

/**
 * Brings what the tests need, builds the packages, and runs vitest. Arguments go to vitest; without any, every
 * test runs, the coverage is held to its thresholds, and SECURITY.md to the tests that passed.
 *
 * @returns The exit code.
 */
export async function runTests(args: readonly string[]): Promise<number> {
  const steps = [
    installPrograms(),
    installRuntimes(),
    run('tsc', ['-b', 'packages/core', 'packages/adapters']),
  ]
  const failed = (await Promise.all(steps)).find((code) => code !== 0)
  if (failed !== undefined) return failed
  if (args.length > 0) return run('vitest', ['run', ...args])
  // The table is for `pnpm run coverage`; here vitest's summary is to be the last thing on the screen.
  const coverage = ['--coverage', '--coverage.reporter=json-summary']
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const code = await run('vitest', ['run', ...coverage, ...reporters])
  return code === 0 ? checkClaims() : code
}

/** Holds the claims of SECURITY.md to the tests that have just run. @returns The exit code. */
async function checkClaims(): Promise<number> {
  const faults = unproven(JSON.parse(await readFile(report, 'utf8')) as Report)
  for (const fault of faults) console.error(`SECURITY.md: ${fault}`)
  return faults.length === 0 ? 0 : 1
}

async function installPrograms(): Promise<number> {
  const missing = Object.values(programs).filter((program) => findProgram(program.binaries) === null)
  if (missing.length === 0) return 0
  if (canInstall()) {
    console.log(`Installing ${missing.map((program) => program.apt).join(', ')} with apt-get …`)
    return run('sh', ['-c', installCommand(missing)])
  }
  for (const program of missing) console.error(howToInstall(program))
  return 1
}

function installRuntimes(): Promise<number> {
  const args = [
    '--dir',
    'test/runtimes',
    'install',
    '--frozen-lockfile',
    '--reporter=append-only',
    '--silent',
  ]
  return run('pnpm', args)
}

const running = new Set<ChildProcess>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // A terminal sends Ctrl-C to the children as well; a supervisor's SIGTERM reaches this process only. Either
  // way this process ends last, so that nothing outlives it.
  process.on(signal, () => {
    for (const child of running) child.kill(signal)
  })
}

/** Runs a program in the root folder. @returns Its exit code. */
function run(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit' })
    running.add(child)
    child.on('error', (error) => {
      running.delete(child)
      console.error(`${program} could not be started: ${error.message}`)
      resolve(1)
    })
    child.on('exit', (code) => {
      running.delete(child)
      resolve(code ?? 130)
    })
  })
}
