import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SessionId, StoredRecord } from '@coatcheck/core'
import { testStore } from '@coatcheck/core/testing'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { hammer } from '../../../../test/support/hammer.ts'
import { lockFile } from './file-lock.ts'
import { encodeRecord } from './file-record.ts'
import { fileStore } from './file.ts'
import { raceSize } from '../../../../test/support/race-size.ts'

const root = mkdtempSync(join(tmpdir(), 'coatcheck-file-'))
let folders = 0
const children: ChildProcess[] = []
const worker = new URL('../../../../test/support/file-worker.ts', import.meta.url)

afterEach(async () => {
  for (const child of children.splice(0)) await killed(child)
})

afterAll(() => rm(root, { recursive: true, force: true }))

testStore('fileStore', () => fileStore(join(root, 'contract'), { timeout: 20_000 }), {
  actors: raceSize,
  describe,
  test,
})

/** A folder that no other test has. */
function newFolder(): string {
  return join(root, `${++folders}`)
}

function newId(): SessionId {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url') as SessionId
}

function recordOf(fields: Partial<StoredRecord> = {}): StoredRecord {
  return { payload: '{}', expiresAt: Date.now() + 3_600_000, userId: null, version: 1, ...fields }
}

/** The paths of all files below a folder. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
}

/** The file of the only session in this folder. */
async function recordFile(folder: string): Promise<string> {
  const files = await filesIn(join(folder, 'records'))
  expect(files).toHaveLength(1)
  return files[0]!
}

function start(...orders: readonly string[]): ChildProcess {
  const child = fork(fileURLToPath(worker), orders, {
    execArgv: ['--conditions=coatcheck-source', '--disable-warning=ExperimentalWarning'],
  })
  children.push(child)
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

describe('several processes', () => {
  test('that hammer one session lose no update and no key', async () => {
    const plan = { storeModule: worker, argument: newFolder(), processes: 3, rounds: 100 }
    expect(await hammer(plan)).toMatchObject({ sum: 300, keys: 300 })
  })

  test('killed while it writes, one loses nothing that was acknowledged, and leaves no lock that blocks', async () => {
    for (const acknowledged of [1, 7, 30, 61]) {
      const folder = newFolder()
      const store = fileStore(folder)
      const ids = Array.from({ length: 8 }, newId)
      for (const id of ids) await store.set(id, recordOf({ userId: 'ann' }))
      const child = start('write', folder, ids.join())
      const versions = ids.map(() => 1)
      let heard = 0
      await new Promise<void>((resolve) => {
        child.on('message', ([at, version]: [number, number]) => {
          versions[at] = version
          if (++heard === acknowledged) resolve()
        })
      })
      await killed(child)
      for (const [at, id] of ids.entries()) {
        const found = await store.get(id)
        expect(found!.version).toBeGreaterThanOrEqual(versions[at]!)
        expect(await store.compareAndSet(id, recordOf({ version: found!.version + 1 }), found!.version)).toBe(
          true,
        )
      }
      await store.prune()
      expect(
        (await filesIn(folder)).map((file) => dirname(file)).filter((path) => /\.(tmp|lock)$/.test(path)),
      ).toEqual([])
      expect(await filesIn(join(folder, 'records'))).toHaveLength(ids.length)
    }
  })
})

describe('the lock', () => {
  test('of a killed process is taken over at once', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    const id = newId()
    await store.set(id, recordOf())
    const file = await recordFile(folder)
    const child = start('hold', file)
    await once(child, 'message')
    expect(await readdir(`${file}.lock`)).toHaveLength(1)
    await killed(child)
    expect(await store.compareAndSet(id, recordOf({ version: 2 }), 1)).toBe(true)
    expect(existsSync(`${file}.lock`)).toBe(false)
  })

  test('of a living process ends the waiting with an error that names it, and nothing is written', async () => {
    const folder = newFolder()
    const id = newId()
    await fileStore(folder).set(id, recordOf())
    const file = await recordFile(folder)
    const child = start('hold', file)
    await once(child, 'message')
    // A minute ahead of nobody: the owner is not stale within this wait.
    const store = fileStore(folder, { timeout: 300 })
    const later = new Date(Date.now() + 100)
    const [owner] = await readdir(`${file}.lock`)
    await utimes(join(`${file}.lock`, owner!), later, later)
    await expect(store.set(id, recordOf({ payload: 'new' }))).rejects.toThrow(
      new RegExp(`locked by process ${child.pid}.*timeout`),
    )
    expect(await store.get(id)).toMatchObject({ payload: '{}' })
    expect((await filesIn(folder)).filter((path) => path.includes('.tmp'))).toEqual([])
  })

  test('is broken when it is too old, and its owner, should it wake, has not written', async () => {
    const folder = newFolder()
    const store = fileStore(folder, { timeout: 200 })
    const id = newId()
    await store.set(id, recordOf())
    const file = await recordFile(folder)
    const slow = await lockFile(file, { content: 'stale', deadline: Infinity, staleAfter: 1000 })
    const [owner] = await readdir(`${file}.lock`)
    await utimes(join(`${file}.lock`, owner!), 1, 1)
    expect(await store.compareAndSet(id, recordOf({ version: 2 }), 1)).toBe(true)
    expect(await slow.commit()).toBe(false)
    await slow.release()
    expect(await store.get(id)).toMatchObject({ version: 2 })
  })

  test('is never held by two, however many break a dead one at the same time', async () => {
    const target = join(newFolder(), 'records', 'aa', 'name')
    for (let round = 0; round < 20; round++) {
      const dead = await lockFile(target, { content: null, deadline: Infinity, staleAfter: 1e9 })
      const [owner] = await readdir(`${target}.lock`)
      await utimes(join(`${target}.lock`, owner!), 1, 1)
      let holders = 0
      const most: number[] = []
      await Promise.all(
        Array.from({ length: 12 }, async () => {
          const lock = await lockFile(target, {
            content: null,
            deadline: performance.now() + 60_000,
            staleAfter: 1e6,
          })
          most.push(++holders)
          await stat(dirname(target))
          holders--
          await lock.release()
        }),
      )
      await dead.release()
      expect(Math.max(...most)).toBe(1)
    }
  })

  test('is left neither by a write nor by a refused one', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    const id = newId()
    await store.set(id, recordOf({ userId: 'ann' }))
    await store.compareAndSet(id, recordOf({ version: 2 }), 7)
    await store.compareAndSet(id, recordOf({ version: 2 }), 1)
    const entries = await readdir(join(folder, 'records'), { recursive: true })
    expect(entries.filter((name) => /\.(tmp|lock)/.test(name))).toEqual([])
  })
})

describe('a damaged file', () => {
  const damages: [string, (text: string) => string][] = [
    ['cut short', (text) => text.slice(0, -5)],
    ['empty', () => ''],
    ['zeros', (text) => '\0'.repeat(text.length)],
    ['one character changed', (text) => text.replace('"version":1', '"version":2')],
    ['something else', () => '{"views":1}\n'],
  ]

  test.for(damages)('is an error that names it, and no absent session: %s', async ([, damage]) => {
    const folder = newFolder()
    const store = fileStore(folder)
    const id = newId()
    await store.set(id, recordOf({ userId: 'ann' }))
    const file = await recordFile(folder)
    await writeFile(file, damage(await readFile(file, 'utf8')))
    await expect(store.get(id)).rejects.toThrow(`${file} is damaged`)
    await expect(store.compareAndSet(id, recordOf(), 0)).rejects.toThrow(`${file} is damaged`)
    await expect(store.compareAndSet(id, recordOf(), 1)).rejects.toThrow(`${file} is damaged`)
    await expect(store.listByUser('ann')).rejects.toThrow(`${file} is damaged`)
    expect(await store.prune()).toBe(0)
    await expect(store.get(id)).rejects.toThrow(`${file} is damaged`)
  })

  test.for(['delete', 'deleteByUser', 'set'] as const)('is mended by %s', async (way) => {
    const folder = newFolder()
    const store = fileStore(folder)
    const id = newId()
    await store.set(id, recordOf({ userId: 'ann' }))
    await writeFile(await recordFile(folder), 'torn')
    if (way === 'set') await store.set(id, recordOf({ payload: 'new' }))
    else if (way === 'delete') await store.delete(id)
    else expect(await store.deleteByUser('ann')).toBe(1)
    expect(await store.get(id)).toEqual(way === 'set' ? expect.objectContaining({ payload: 'new' }) : null)
  })
})

describe('ids and users', () => {
  const bad = [
    '',
    '..',
    '../../etc/passwd',
    `${'a'.repeat(42)}/`,
    `${'a'.repeat(42)}\0`,
    'a'.repeat(42),
    'a'.repeat(44),
    `${'a'.repeat(43)}\n`,
  ]

  test.for(bad)('what is no id never becomes a path: %j', async (id) => {
    const folder = newFolder()
    const store = fileStore(folder)
    const wrong = id as SessionId
    await expect(store.get(wrong)).rejects.toThrow('no session id')
    await expect(store.set(wrong, recordOf())).rejects.toThrow('no session id')
    await expect(store.delete(wrong)).rejects.toThrow('no session id')
    await expect(store.compareAndSet(wrong, recordOf(), 0)).rejects.toThrow('no session id')
    expect(existsSync(folder)).toBe(false)
  })

  test('that differ in case only are different files, also where case does not count', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    const ids = ['aaaaA', 'AAAAA', 'aAaAA', 'aaaaB'].map((end) => ('x'.repeat(38) + end) as SessionId)
    for (const [at, id] of ids.entries()) await store.set(id, recordOf({ version: at + 1, userId: 'ann' }))
    for (const [at, id] of ids.entries()) expect(await store.get(id)).toMatchObject({ version: at + 1 })
    const names = (await filesIn(join(folder, 'records'))).map((path) => basename(path).toLowerCase())
    expect(new Set(names).size).toBe(ids.length)
    expect([...(await store.listByUser('ann')).keys()].toSorted()).toEqual(ids.toSorted())
  })

  const users = [
    '',
    '.',
    '../..',
    'a/b\\c',
    'con',
    'Ann',
    'ann',
    'ä\0ö',
    '界'.repeat(255),
    '\ud800',
    '\ud801',
  ]

  test('any text is a user, and no two are mixed up', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    const ids = users.map(newId)
    for (const [at, userId] of users.entries()) await store.set(ids[at]!, recordOf({ userId }))
    for (const [at, userId] of users.entries()) {
      expect([...(await store.listByUser(userId))]).toEqual([[ids[at], expect.objectContaining({ userId })]])
    }
    for (const userId of users) expect(await store.deleteByUser(userId)).toBe(1)
    expect(await readdir(folder)).toEqual(['records', 'users'])
  })
})

describe('the user index', () => {
  test('reads the files of that user only, among 10 000 sessions', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    const mine = Array.from({ length: 3 }, newId)
    for (const id of mine) await store.set(id, recordOf({ userId: 'ann' }))
    const model = await readFile((await filesIn(join(folder, 'records')))[0]!)
    // Torn ones: reading any of them would be an error.
    for (let at = 0; at < 10_000; at++) {
      const name = Buffer.from(crypto.getRandomValues(new Uint8Array(33))).toString('hex')
      const shard = join(folder, 'records', name.slice(0, 2))
      await mkdir(shard, { recursive: true })
      await writeFile(join(shard, name), model.subarray(1))
    }
    expect((await filesIn(join(folder, 'records'))).length).toBe(10_003)
    expect([...(await store.listByUser('ann')).keys()].toSorted()).toEqual(mine.toSorted())
    expect(await store.deleteByUser('ann', mine[0])).toBe(2)
  })

  test('cleans entries that lead nowhere or to others', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    const [gone, left, kept] = [newId(), newId(), newId()]
    for (const id of [gone, left, kept]) await store.set(id, recordOf({ userId: 'ann' }))
    const entries = await filesIn(join(folder, 'users'))
    await store.delete(gone)
    await store.set(left, recordOf({ userId: 'bob' }))
    // As a process that was killed between the two writes leaves them.
    for (const path of entries) await writeFile(path, '')
    expect([...(await store.listByUser('ann')).keys()]).toEqual([kept])
    expect((await filesIn(join(folder, 'users'))).toSorted()).toHaveLength(2)
  })

  test('has no entry too few when one process unbinds a user and another binds it', async () => {
    const folder = newFolder()
    const [one, two] = [fileStore(folder, { timeout: 20_000 }), fileStore(folder, { timeout: 20_000 })]
    const id = newId()
    for (let round = 0; round < 150; round++) {
      await one.set(id, recordOf({ userId: 'ann' }))
      await Promise.all([
        one.set(id, recordOf()),
        two.set(id, recordOf({ userId: 'ann', version: 2 })),
        ...(round % 2 === 0 ? [two.listByUser('ann')] : []),
      ])
      const record = await one.get(id)
      expect((await one.listByUser('ann')).size).toBe(record?.userId === 'ann' ? 1 : 0)
    }
  })

  test('keeps an entry that led nowhere when it was looked at, and leads to a record by now', async () => {
    const folder = newFolder()
    const store = fileStore(folder)
    const [id, record] = [newId(), recordOf({ userId: 'ann' })]
    await store.set(id, record)
    const file = await recordFile(folder)
    const [entry] = await filesIn(join(folder, 'users'))
    await store.delete(id)
    // A writer that has put its entry there, and not yet its record.
    const content = encodeRecord(record)
    const writer = await lockFile(file, { content, deadline: Infinity, staleAfter: 4000 })
    await writeFile(entry!, '')
    const listed = store.listByUser('ann')
    const isWaiting = async (): Promise<boolean> =>
      (await readdir(dirname(file))).some((name) => name.endsWith('.tmp'))
    while (!(await isWaiting())) await new Promise(setImmediate)
    expect(await writer.commit()).toBe(true)
    await writer.release()
    await listed
    expect([...(await store.listByUser('ann'))]).toEqual([[id, record]])
  })
})

describe('prune', () => {
  test('removes what expired a minute ago, marks of removed records, dead entries, locks and drafts', async () => {
    let now = Date.now()
    const folder = newFolder()
    const store = fileStore(folder, { now: () => now })
    const [expired, deleted, kept] = [newId(), newId(), newId()]
    await store.set(expired, recordOf({ userId: 'ann', expiresAt: now + 1000 }))
    await store.set(deleted, recordOf({ userId: 'bob' }))
    await store.set(kept, recordOf({ userId: 'cyd' }))
    await store.delete(deleted)
    const lock = await lockFile(join(folder, 'records', 'aa', 'a'.repeat(66)), {
      content: 'x',
      deadline: 0,
      staleAfter: 1,
    })
    const draft = join(folder, 'records', 'aa', '00000000-1-00.tmp')
    await mkdir(draft)
    for (const path of [draft, ...(await filesIn(join(folder, 'records', 'aa')))]) {
      if (/\.(tmp|lock)/.test(path)) await utimes(path, 1, 1)
    }
    now += 60_999
    expect(await store.prune()).toBe(1)
    now += 1
    expect(await store.prune()).toBe(1)
    expect(await lock.commit()).toBe(false)
    expect(existsSync(draft)).toBe(false)
    expect(await filesIn(join(folder, 'records'))).toHaveLength(1)
    expect(await filesIn(join(folder, 'users'))).toHaveLength(1)
    expect([...(await store.listByUser('cyd')).keys()]).toEqual([kept])
    expect(await store.prune()).toBe(0)
  })

  test('of a folder that is not there is no error', async () => {
    expect(await fileStore(newFolder()).prune()).toBe(0)
  })

  test('harms no writer', async () => {
    const folder = newFolder()
    const store = fileStore(folder, { timeout: 20_000 })
    const ids = Array.from({ length: 10 }, newId)
    const write = async (id: SessionId): Promise<void> => {
      for (let version = 1; version <= 10; version++) {
        expect(await store.compareAndSet(id, recordOf({ version, userId: 'ann' }), version - 1)).toBe(true)
      }
    }
    const pruneAll = async (): Promise<void> => {
      for (let round = 0; round < 10; round++) await fileStore(folder, { timeout: 20_000 }).prune()
    }
    await Promise.all([...ids.map(write), pruneAll()])
    expect((await store.listByUser('ann')).size).toBe(ids.length)
  })
})

const canMount = process.platform === 'linux' && process.getuid?.() === 0

describe('the disk', () => {
  // A small disk can be mounted by root on Linux only. In CI that is so, or this fails.
  if (canMount || process.env['CI'] !== undefined) {
    test('that is full is an error that says so, and the old record is intact', async () => {
      const disk = newFolder()
      await mkdir(disk, { recursive: true })
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk])
      try {
        const store = fileStore(disk)
        const id = newId()
        const record = recordOf({ payload: 'old', userId: 'ann' })
        await store.set(id, record)
        const big = recordOf({ payload: 'x'.repeat(300_000), userId: 'ann', version: 2 })
        await expect(store.compareAndSet(id, big, 1)).rejects.toThrow(/ENOSPC.*prune\(\)/)
        expect(await store.get(id)).toEqual(record)
        expect((await filesIn(disk)).filter((path) => path.includes('.tmp'))).toEqual([])
        expect(await store.compareAndSet(id, recordOf({ version: 2 }), 1)).toBe(true)
      } finally {
        execFileSync('umount', [disk])
      }
    })
  } else {
    console.warn('The test of a full disk needs root on Linux and is left out; a container will do.')
  }

  test('where a file is in the way is an error that says what to do', async () => {
    const folder = newFolder()
    await writeFile(folder, 'a file')
    await expect(fileStore(folder).set(newId(), recordOf())).rejects.toThrow(/ENOTDIR.*no file is in the way/)
  })

  test('shows sessions to their owner only', async () => {
    const folder = newFolder()
    await fileStore(folder).set(newId(), recordOf({ userId: 'ann' }))
    const paths = (await readdir(folder, { recursive: true })).map((name) => join(folder, name))
    for (const path of [folder, ...paths]) expect((await stat(path)).mode & 0o077).toBe(0)
  })
})

describe('construction', () => {
  test('refuses what is no folder and no timeout', () => {
    expect(() => fileStore('')).toThrow("fileStore('./sessions')")
    expect(() => fileStore(undefined as unknown as string)).toThrow("fileStore('./sessions')")
    for (const timeout of [0, -1, NaN, Infinity]) {
      expect(() => fileStore('x', { timeout })).toThrow('option timeout')
    }
  })
})
