// What TypeScript says to a program that came from express-session, with the types that it has.
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = fileURLToPath(new URL('.cache/types', import.meta.url))

const preamble = `
import session from '@coatcheck/adapters/express-session'
import express from 'express'

declare module 'express-session' {
  interface SessionData {
    views: number
  }
}

const app = express()
`

const programs = {
  'the augmentation of SessionData types req.session': `
app.use(session({ secret: 'x', resave: false, saveUninitialized: false }))
app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  // @ts-expect-error: a text is no number.
  req.session.views = 'one'
  // @ts-expect-error: nobody has declared it.
  req.session.visits = 1
  req.session.destroy((error) => res.send(req.sessionID + String(error)))
})
`,
  'stores from npm take the function, and the function takes them': `
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import { createClient } from 'redis'
import fileStore from 'session-file-store'

const Pg = connectPgSimple(session)
const File = fileStore(session)
const secret = ['newer', 'older']
app.use(session({ secret, store: new Pg() }))
app.use(session({ secret, store: new File() }))
app.use(session({ secret, store: new RedisStore({ client: createClient() }) }))
app.use(session({ secret, store: new session.MemoryStore() }))
`,
  'promises are declared by four lines': `
declare module 'express-session' {
  interface Session {
    save(): Promise<void>
    reload(): Promise<void>
    destroy(): Promise<void>
    regenerate(): Promise<void>
  }
}
app.get('/', async (req, res) => {
  await req.session.regenerate()
  await req.session.save()
  res.send('Done.')
})
`,
}

const tsconfig = {
  extends: join(root, 'tsconfig.base.json'),
  compilerOptions: {
    composite: false,
    declaration: false,
    declarationMap: false,
    isolatedDeclarations: false,
    rewriteRelativeImportExtensions: false,
    noEmit: true,
    // Our declarations are looked at as well.
    skipLibCheck: false,
    customConditions: [],
    types: ['node', 'express-session'],
  },
}

beforeAll(() => mkdir(folder, { recursive: true }))
afterAll(() => rm(folder, { recursive: true }))

test.for(Object.entries(programs))('%s', async ([name, program]) => {
  const place = join(folder, name.replaceAll(/\W+/g, '-'))
  await mkdir(place)
  await writeFile(join(place, 'program.ts'), preamble + program)
  await writeFile(join(place, 'tsconfig.json'), JSON.stringify(tsconfig))
  const tsc = promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', place], { cwd: root })
  const { stdout } = await tsc.catch((failure: { stdout: string }) => failure)
  expect(stdout).toBe('')
})
