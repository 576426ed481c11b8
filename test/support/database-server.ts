import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** A database server of one test file, on a port of its own with a folder of its own. */
export interface DatabaseServer {
  readonly port: number
  /** Starts it, or starts it again after `kill` or `stop`; its data is still there. */
  start(): Promise<void>
  /** Ends it in good order. */
  stop(): Promise<void>
  /** Kills it at once, as a power cut would. */
  kill(): Promise<void>
  /** Keeps it from answering; connections stay open. */
  freeze(): void
  /** Undoes `freeze`. */
  thaw(): void
  /** Stops it and removes its folder. */
  remove(): Promise<void>
}

/** A port of the loopback interface that nobody uses. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** The process and its children. */
export function familyOf(pid: number): number[] {
  try {
    const children = execFileSync('pgrep', ['-P', String(pid)])
      .toString()
      .trim()
      .split('\n')
    return [pid, ...children.map(Number)]
  } catch {
    return [pid]
  }
}

/** Sends the signal to each that is still there. */
export function signal(pids: readonly number[], name: NodeJS.Signals | 0): number {
  return pids.filter((pid) => {
    try {
      return process.kill(pid, name)
    } catch {
      return false
    }
  }).length
}

/** Waits until it holds. Rejects after half a minute. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within 30 s.`)
    await pause(20)
  }
}
