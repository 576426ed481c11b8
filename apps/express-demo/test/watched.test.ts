// session-file-store writes into ./sessions, so whoever watches the whole project restarts at each request.
import { appendFile, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { Visitor } from '../../../test/express/visitor.ts'
import { until } from '../../../test/support/database-server.ts'
import { copyOf, temporaryFolder } from './copy.ts'
import { startProgram } from './program.ts'
import { watchAndRestart, type Watcher } from './watcher.ts'

/** Each kill costs the start of a process. */
const patient = 120_000

test('no session is lost when each write kills the process', { timeout: patient }, async () => {
  const folder = await temporaryFolder()
  const program = await startProgram('src/file.js', { env: { SESSION_FOLDER: folder } })
  const watcher = watchAndRestart(program, folder)
  const rounds = 4
  const stay = async (): Promise<void> => {
    const visitor = new Visitor(program.origin)
    let views = 0
    for (let round = 0; round < rounds; round++) {
      const { kills } = watcher
      views = await viewAfter(views, visitor, folder, watcher)
      await until('the write kills the process', () => watcher.kills > kills)
    }
  }
  await Promise.all([stay(), stay()])
  expect(watcher.kills).toBeGreaterThanOrEqual(rounds)
  for (const name of await readdir(folder)) {
    // What a killed process leaves half-written has another name, by which it is never read.
    if (name.endsWith('.json')) expect(await readRecord(join(folder, name))).toHaveProperty('cookie')
    else expect(name).toMatch(/\.json\.\d+$/)
  }
})

test('no session is lost when node --watch-path restarts at data', { timeout: patient }, async () => {
  const folder = await temporaryFolder()
  const flags = [`--watch-path=${folder}`]
  const program = await startProgram('src/file.js', { env: { SESSION_FOLDER: folder }, flags })
  const visitor = new Visitor(program.origin)
  let views = 0
  for (let round = 0; round < 4; round++) {
    const starts = timesIn(program.output(), 'Listening on')
    views = await viewAfter(views, visitor, folder)
    await until('the program restarts', () => timesIn(program.output(), 'Listening on') > starts)
  }
  expect(program.output()).toContain(`Change detected in '${folder}`)
})

test('node --watch does not restart at data in the project, only at code', async () => {
  const file = await copyOf('src/file.js')
  const program = await startProgram(file, { cwd: dirname(file), flags: ['--watch'] })
  const visitor = new Visitor(program.origin)
  for (const views of [1, 2, 3, 4]) expect(await visitor.read()).toBe(`Views: ${views}`)
  expect(await readdir(join(dirname(file), 'sessions'))).toHaveLength(1)

  await appendFile(file, '// A change of the code.\n')
  await until('the program restarts', () => timesIn(program.output(), 'Listening on') === 2)
  expect(await visitor.read()).toBe('Views: 5')
  const changes = program.output().matchAll(/Change detected in '(.*)'/g)
  expect(new Set(Array.from(changes, ([, path]) => path))).toEqual(new Set([file]))
})

/**
 * Visits until there is an answer, and holds it against the file: an answer says what is kept, in the session that the
 * visitor has had from the first answer on, and all that was answered before is in it. A request that was cut off may
 * have been counted or not.
 * @returns The count that was answered.
 */
async function viewAfter(
  before: number,
  visitor: Visitor,
  folder: string,
  watcher?: Watcher,
): Promise<number> {
  const cookie = visitor.cookies.get('connect.sid')
  let views = NaN
  let cut = 0
  await until('the program answers', async () => {
    await watcher?.ready
    const outcome = await visitor.read().catch((error: unknown) => error)
    if (typeof outcome === 'string') views = Number(/^Views: (\d+)$/.exec(outcome)?.[1])
    else if (isCut(outcome)) cut++
    return typeof outcome === 'string'
  })
  const now = visitor.cookies.get('connect.sid')!
  if (before > 0) expect(now).toBe(cookie)
  expect(views).toBeGreaterThan(before)
  expect(views).toBeLessThanOrEqual(before + 1 + cut)
  const [, sid] = /^s:(.*)\./.exec(decodeURIComponent(now))!
  expect(await readRecord(join(folder, `${sid}.json`))).toMatchObject({ views })
  return views
}

/** Whether a connection was cut, so that nobody knows what the program did; throws at any other fault than a refused one. */
function isCut(error: unknown): boolean {
  // An answer that is no success is no matter of connections.
  if (!(error instanceof TypeError)) throw error
  return (error.cause as { code?: string } | undefined)?.code !== 'ECONNREFUSED'
}

async function readRecord(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'))
}

function timesIn(text: string, part: string): number {
  return text.split(part).length - 1
}
