/// <reference types="node" />
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'

// The lock of a file is a folder, `<file>.lock`, that is not empty: it holds one file, named after its owner, with
// what the owner wants to write. Taking it is one rename of a prepared folder, which replaces nothing but an empty one.
// Committing is one rename of the owner's file onto the target, and frees the lock by the same step.
//
// So a lock may be broken without care: whoever believes that an owner is dead removes the file of that owner's name,
// and never another's. An owner that was only slow finds its file gone when it commits, has written nothing, and
// tries again. No judgement about processes or clocks is needed for two owners never both to write.

/** What a lock is taken with. */
export interface LockRequest {
  /** What is to be written, or null when the lock alone is wanted. */
  readonly content: string | null
  /** When to give up, by `performance.now()`. */
  readonly deadline: number
  /** An owner that is older, in milliseconds, is taken for dead although its process may live. */
  readonly staleAfter: number
}

/** A lock that is held, unless it was broken. */
export interface FileLock {
  /** Moves the content to the file and frees the lock, in one step. @returns False when the lock had been broken. */
  commit(): Promise<boolean>
  /** Frees the lock; does nothing when it is free. */
  release(): Promise<void>
}

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const processStart = Date.now() - process.uptime() * 1000
const isWindows = process.platform === 'win32'

/** Takes the lock of a file, waiting for it by short retries. */
export async function lockFile(target: string, request: LockRequest): Promise<FileLock> {
  const owner = `${host}-${process.pid}-${randomBytes(8).toString('hex')}`
  const held = `${target}.lock`
  const draft = join(dirname(target), `${owner}.tmp`)
  try {
    await prepare(draft, owner, request.content)
    while (!(await take(draft, held))) {
      if (performance.now() > request.deadline) throw new Error(await busyText(target, held))
      if (!(await freeDead(held, request.staleAfter))) await pause()
    }
  } catch (error) {
    await rm(draft, { recursive: true, force: true }).catch(() => {})
    throw error
  }
  return {
    async commit() {
      if (!(await succeeds(move(join(held, owner), target), 'ENOENT'))) return false
      await syncFolder(dirname(target))
      return true
    },
    async release() {
      await succeeds(unlink(join(held, owner)), 'ENOENT')
      // Best effort: an empty folder is a free lock, and a full one is somebody's.
      await rmdir(held).catch(() => {})
    },
  }
}

/** Removes the files of dead owners from a lock or a draft. @returns Whether it is free now. */
export async function freeDead(held: string, staleAfter: number): Promise<boolean> {
  const owners = await namesIn(held)
  for (const owner of owners) {
    const path = join(held, owner)
    if (!(await isDead(path, owner, staleAfter))) return false
    await succeeds(unlink(path), 'ENOENT')
  }
  // Windows renames over nothing, not even an empty folder.
  await rmdir(held).catch(() => {})
  return true
}

/** The names in a folder; none when there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  let names: string[] = []
  const reading = readdir(folder).then((found) => void (names = found))
  await succeeds(reading, 'ENOENT', 'ENOTDIR')
  return names
}

/** Makes a folder last through a loss of power, together with those above it that are new. */
export async function makeFolder(folder: string, levels: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (let level = 0, path = folder; level < levels; level++) {
    path = dirname(path)
    await syncFolder(path)
  }
}

/** Makes what was created, renamed or removed in a folder last through a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot, and need not.
  if (isWindows) return
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Whether it was done; false when it failed by one of these codes. */
export async function succeeds(work: Promise<unknown>, ...codes: readonly string[]): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (codes.includes(codeOf(error))) return false
    throw error
  }
}

/** The code of a system error, or an empty text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** A folder that becomes the lock by one rename, with the content safely on the disk. */
async function prepare(draft: string, owner: string, content: string | null): Promise<void> {
  if (!(await succeeds(mkdir(draft, { mode: 0o700 }), 'ENOENT'))) {
    await makeFolder(dirname(draft), 3)
    await mkdir(draft, { mode: 0o700 })
  }
  const handle = await open(join(draft, owner), 'wx', 0o600)
  try {
    if (content === null) return
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Whether the lock is ours now. */
function take(draft: string, held: string): Promise<boolean> {
  const taken = isWindows ? ['EPERM', 'EACCES', 'EBUSY', 'EEXIST', 'ENOTEMPTY'] : ['EEXIST', 'ENOTEMPTY']
  return succeeds(rename(draft, held), ...taken)
}

/** On Windows a file that somebody has open cannot be replaced for a moment. */
async function move(from: string, to: string): Promise<void> {
  for (let attempts = isWindows ? 10 : 1; attempts > 1; attempts--) {
    if (await succeeds(rename(from, to), 'EPERM', 'EACCES', 'EBUSY')) return
    await pause()
  }
  await rename(from, to)
}

/** Whether the process that made this file is gone, as far as can be told. */
export async function isDead(path: string, owner: string, staleAfter: number): Promise<boolean> {
  const [ownersHost, pid] = owner.split('-')
  const made = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  )
  // A clock that was put back must not keep a lock for ever.
  if (Math.abs(Date.now() - made) > staleAfter) return true
  if (ownersHost !== host) return false
  // In a container that was started again, the former process had our number.
  return Number(pid) === process.pid ? made < processStart - 1000 : !isAlive(Number(pid))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

async function busyText(target: string, held: string): Promise<string> {
  const pids = (await namesIn(held)).map((owner) => owner.split('-')[1])
  return `${target} is locked by process ${pids.join(', ') || 'unknown'}; if that is only slow, give more time by the option timeout`
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, randomInt(1, 12)))
}
