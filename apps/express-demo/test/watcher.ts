import { watch } from 'node:fs'
import { onTestFinished } from 'vitest'
import type { Program } from './program.ts'

/** Kills a program and starts it again whenever something is written into a folder, as `pm2 --watch` does. */
export interface Watcher {
  /** How often it has killed the program. */
  readonly kills: number
  /** Settles when the program listens again. */
  readonly ready: Promise<void>
}

/** How long it leaves the process alive after some writes, in milliseconds, so that answers get out. */
const delay = 50

/**
 * Begins to watch. One write is several events: a new file, its contents, its final name. In one life of the program it
 * kills at the first event, in the next ones at the second, at the third, and at the final name, and then a moment after
 * that: each place where a process can end is met, and some requests are answered.
 */
export function watchAndRestart(program: Program, folder: string): Watcher {
  const patience = [1, 2, 3, Infinity, Infinity]
  let kills = 0
  let events = 0
  let killing = false
  let ready = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  function kill(): void {
    kills++
    ready = restart()
  }

  async function restart(): Promise<void> {
    await program.restart('SIGKILL')
    killing = false
    events = 0
  }

  const watcher = watch(folder, (_, name) => {
    if (killing) return
    const life = kills % patience.length
    killing = name?.endsWith('.json') === true || ++events >= patience[life]!
    if (killing && life === patience.length - 1) timer = setTimeout(kill, delay)
    else if (killing) kill()
  })
  onTestFinished(async () => {
    watcher.close()
    clearTimeout(timer)
    await ready
  })
  return {
    get kills() {
      return kills
    },
    get ready() {
      return ready
    },
  }
}
