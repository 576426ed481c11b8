/// <reference types="node" />
import { createHash } from 'node:crypto'
import { open, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, makeFolder, namesIn, succeeds, syncFolder } from './file-lock.ts'
import { isTorn, type Found } from './file-record.ts'

/** A folder per user, with an empty file for each session. An entry too many does no harm, one too few would. */
export interface FileIndex {
  /** The name of a user's folder: that of the user would not fit into a path. */
  folderOf(userId: string): string
  /** Puts an entry there, and makes it last. */
  add(folder: string, name: string): Promise<void>
  remove(folder: string, name: string): Promise<void>
  /** The names in a user's folder. */
  names(folder: string): Promise<string[]>
  /** Whether this record keeps an entry of its name in this folder alive; a torn one might. */
  holds(folder: string, found: Found): boolean
  /** Each user's folder in turn. */
  folders(): AsyncGenerator<string>
  /** Removes a user's folder when it is empty. */
  sweep(folder: string): Promise<void>
}

/** The index below a folder. */
export function fileIndex(root: string): FileIndex {
  const folderOf = (userId: string): string => {
    const hash = createHash('sha256').update(userId).digest('hex')
    return join(root, hash.slice(0, 2), hash)
  }
  return {
    folderOf,
    async add(folder, name) {
      const path = join(folder, name)
      // The folder may be swept away in between, but hardly three times.
      for (let attempt = 1; attempt <= 3; attempt++) {
        try {
          await (await open(path, 'wx', 0o600)).close()
          return await syncFolder(folder)
        } catch (error) {
          if (codeOf(error) === 'EEXIST') return
          if (codeOf(error) !== 'ENOENT') throw error
        }
        await makeFolder(folder, 3)
      }
      throw new Error(`${folder} could not be made`)
    },
    remove: async (folder, name) => void (await succeeds(unlink(join(folder, name)), 'ENOENT')),
    names: namesIn,
    // By folder, not by user: users whose texts differ in broken characters only share one.
    holds: (folder, found) =>
      isTorn(found) || (found !== null && found.userId !== null && folderOf(found.userId) === folder),
    async *folders() {
      for (const shard of await namesIn(root)) {
        for (const user of await namesIn(join(root, shard))) yield join(root, shard, user)
      }
    },
    sweep: async (folder) =>
      void (await succeeds(rmdir(folder), 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EPERM')),
  }
}
