import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { freePort } from '../../../test/support/database-server.ts'

/** One of the tutorial programs, as a process of its own. It is stopped when the test is over. */
export interface Program {
  readonly origin: string
  /** What it has written to its console, of all its starts. */
  output(): string
  start(): Promise<void>
  /** Ends the process and waits until it has ended. @param signal (default 'SIGTERM') */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** A new process, on the same port. */
  restart(signal?: NodeJS.Signals): Promise<void>
}

/** What `startProgram` may be told. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The folder that it runs in. (default that of the demo) */
  readonly cwd?: string
  /** Further options of Node. */
  readonly flags?: readonly string[]
}

/** The folder of the demo. */
export const demoFolder: string = fileURLToPath(new URL('..', import.meta.url))

const running = new Set<ChildProcess>()
process.on('exit', () => {
  // No SIGKILL: `node --watch` has a process of its own to end.
  for (const child of running) child.kill()
})

/** Starts a program on a free port. Rejects with what it wrote if it ends instead of listening. */
export async function startProgram(file: string, options: ProgramOptions = {}): Promise<Program> {
  for (let attempt = 1; ; attempt++) {
    const program = programOn(await freePort(), file, options)
    onTestFinished(() => program.stop())
    try {
      await program.start()
      return program
    } catch (error) {
      // Between looking and starting, somebody else may have taken the port.
      if (attempt === 3 || !String(error).includes('EADDRINUSE')) throw error
    }
  }
}

function programOn(
  port: number,
  file: string,
  { env, cwd = demoFolder, flags = [] }: ProgramOptions,
): Program {
  let child: ChildProcess | null = null
  let output = ''
  const program: Program = {
    origin: `http://127.0.0.1:${port}`,
    output: () => output,
    async start() {
      const before = output.length
      const started = spawn(process.execPath, ['--conditions=coatcheck-source', ...flags, file], {
        cwd,
        env: { ...process.env, ...env, PORT: String(port) },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      running.add((child = started))
      started.once('exit', () => running.delete(started))
      await new Promise<void>((resolve, reject) => {
        const hear = (chunk: Buffer): void => {
          output += chunk.toString()
          if (output.includes('Listening on', before)) resolve()
        }
        started.stdout.on('data', hear)
        started.stderr.on('data', hear)
        started.once('close', () => reject(new Error(`${file} ended:\n${output.slice(before)}`)))
      })
    },
    async stop(signal = 'SIGTERM') {
      const stopped = child
      child = null
      if (stopped === null || !running.has(stopped)) return
      const ended = once(stopped, 'exit')
      stopped.kill(signal)
      await ended
    },
    async restart(signal) {
      await program.stop(signal)
      await program.start()
    },
  }
  return program
}
