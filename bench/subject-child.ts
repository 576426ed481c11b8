import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bindToProcessor } from './processor.ts'
import type { Commands, Pace } from './subject-process.ts'
import type { Subject } from './subjects/subject.ts'

/** A subject in a process of its own. */
export interface SubjectChild extends Commands {
  readonly subject: Subject
  /** Where it serves; null when it is called without a network. */
  readonly port: number | null
  /** Ends the process. */
  end(): void
}

const program = fileURLToPath(new URL('subject-process.ts', import.meta.url))
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts subjects one after the other, and lets each run at this pace before anything is measured. */
export async function startSubjects(
  pace: Pace,
  subjects: readonly Subject[],
  list: 'local' | 'redis',
  over: 'calls' | 'sockets',
  env: NodeJS.ProcessEnv = {},
): Promise<SubjectChild[]> {
  const children: SubjectChild[] = []
  for (const subject of subjects) {
    const child = await startSubject(subject, list, over, env)
    await child.prepare('read', pace)
    children.push(child)
  }
  return children
}

/**
 * Starts a subject and checks it, in the way in which it will be measured. Rejects with what the check says, or with what the process wrote when it died.
 */
async function startSubject(
  subject: Subject,
  list: 'local' | 'redis',
  over: 'calls' | 'sockets',
  env: NodeJS.ProcessEnv,
): Promise<SubjectChild> {
  const child = fork(program, [list, subject.host, subject.name], {
    // As in production: Express would not cache its views, and libraries would warn.
    env: { ...process.env, ...env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  running.add(child)
  let complaint = ''
  child.stderr!.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-2000)))
  child.once('exit', () => running.delete(child))

  /** The next message; commands are sent one after the other. */
  function reply(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => {
        reject(new Error(`${subject.name} on ${subject.host} ended with ${code}: ${complaint}`))
      }
      child.once('exit', onExit)
      child.once('message', (message: { result?: unknown; error?: string }) => {
        child.off('exit', onExit)
        if (message.error !== undefined) reject(new Error(message.error))
        else resolve(message.result)
      })
    })
  }
  const call =
    <Name extends keyof Commands>(command: Name) =>
    (...args: Parameters<Commands[Name]>): ReturnType<Commands[Name]> => {
      const answered = reply()
      child.send({ command, args })
      return answered as ReturnType<Commands[Name]>
    }

  await reply()
  const port = over === 'sockets' ? await call('listen')() : null
  await call('check')()
  if (over === 'sockets') bindToProcessor(child.pid!)
  return {
    subject,
    port,
    check: call('check'),
    prepare: call('prepare'),
    ready: call('ready'),
    run: call('run'),
    oneByOne: call('oneByOne'),
    cookies: call('cookies'),
    listen: call('listen'),
    cpu: call('cpu'),
    end: () => child.kill('SIGKILL'),
  }
}
