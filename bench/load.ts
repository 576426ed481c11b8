// wrk makes the load: it costs a tenth of what a load generator in JavaScript does, which on a small machine
// would take the processor from the server, and it tells latencies in microseconds.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Program } from '../scripts/programs.ts'
import { requireProgram } from '../scripts/programs.ts'
import { besideServer } from './processor.ts'

/** The load generator; `run.ts` installs it where it can. */
export const wrk: Program = {
  use: 'the bench on the wire',
  binaries: ['wrk', '/usr/bin/wrk', '/opt/homebrew/bin/wrk'],
  apt: 'wrk',
  byHand: 'Debian: sudo apt-get install wrk; macOS: brew install wrk',
}

/** The requests of one subject in one scenario, in a file that wrk's script reads. */
export interface RequestFile {
  readonly path: string
  readonly count: number
  [Symbol.asyncDispose](): Promise<void>
}

/** What one stretch of load showed. Latencies in microseconds. */
export interface Load {
  readonly requests: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
}

const connections = 64
const script = fileURLToPath(new URL('load.lua', import.meta.url))

/** Writes down which path each request asks for, with which cookies. */
export async function requestFile(
  requests: readonly { readonly path: string; readonly cookie: string }[],
): Promise<RequestFile> {
  const folder = await mkdtemp(join(tmpdir(), 'coatcheck-bench-'))
  const path = join(folder, 'requests')
  await writeFile(path, requests.map(({ cookie, path }) => `${path} ${cookie}\n`).join(''))
  return {
    path,
    count: requests.length,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/**
 * Lets 64 connections ask again and again. Rejects when an answer was no success.
 *
 * @param start Which request of the file is the first.
 */
export async function load(
  port: number,
  requests: RequestFile,
  milliseconds: number,
  start: number,
): Promise<Load> {
  const options = `-t1 -c${connections} -d60s --timeout 30s --latency`.split(' ')
  const forScript = [requests.path, `${start % requests.count}`]
  const [command = '', ...args] = besideServer([
    requireProgram(wrk),
    ...options,
    '-s',
    script,
    `http://localhost:${port}/`,
    '--',
    ...forScript,
  ])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let timer: NodeJS.Timeout | undefined
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    // It counts whole seconds only; when interrupted, it stops and reports. Its script first reads all requests.
    if (output.includes('bench ready')) timer ??= setTimeout(() => child.kill('SIGINT'), milliseconds)
  })
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  clearTimeout(timer)
  const found = /^bench (\{.*\})$/m.exec(output)?.[1]
  if (found === undefined) throw new Error(`wrk said: ${output}`)
  const { failed, ...seen } = JSON.parse(found) as Load & { failed: number }
  if (failed > 0 || seen.requests === 0) throw new Error(`${failed} of ${seen.requests} requests failed.`)
  return seen
}
