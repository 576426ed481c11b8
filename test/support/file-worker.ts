// Modules and orders for the tests of the file store, which need processes of their own.
import { fileStore, type FileStore } from '../../packages/adapters/src/stores/file.ts'
import { lockFile } from '../../packages/adapters/src/stores/file-lock.ts'
import type { SessionId } from '@coatcheck/core'

/** For the hammer. */
export function makeStore(folder: string): FileStore {
  return fileStore(folder, { timeout: 20_000 })
}

const [order, target, list] = process.argv.slice(2)

if (order === 'write') {
  // Counts in several sessions as fast as it can, and says what has been acknowledged, until it is killed.
  const store = fileStore(target!)
  const ids = list!.split(',') as SessionId[]
  for (let version = 2; ; version++) {
    const record = { payload: 'x'.repeat(20_000), expiresAt: Date.now() + 3_600_000, userId: 'ann', version }
    await Promise.all(
      ids.map(async (id, at) => {
        if (!(await store.compareAndSet(id, record, version - 1))) throw new Error(`${id} was not written`)
        process.send!([at, version])
      }),
    )
  }
}

if (order === 'hold') {
  await lockFile(target!, { content: 'theirs', deadline: performance.now() + 2000, staleAfter: 4000 })
  process.send!('held')
  setInterval(() => {}, 1000)
}
