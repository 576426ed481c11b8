// The built packages on one runtime: the store contract, the cookie vectors, and a visit through each adapter.
// Plain JavaScript, for every runtime to read; prints one line that begins with 'ok', or throws.
import { withSession } from '@coatcheck/adapters/fetch'
import { session } from '@coatcheck/adapters/hono'
import { withSession as withNodeSession } from '@coatcheck/adapters/node'
import { createSessionManager } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { storeContract } from '@coatcheck/core/testing'
import { Hono } from 'hono'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { cookieValues } from '../../packages/core/dist/cookie/cookie-header.js'

let checks = 0

for (const part of storeContract(() => memoryStore(), { actors: 2 })) {
  await check(`memory store: ${part.name}`, () => part.run())
}

const vectors = JSON.parse(await readFile(new URL('../vectors/cookies.json', import.meta.url), 'utf8'))
for (const { clause, header, name, values } of vectors.cookie) {
  await check(`Cookie ${clause}`, () => equal(cookieValues(header, name), values))
}

const secret = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
const managers = () => createSessionManager({ secrets: [secret], store: memoryStore() })

await check('hono', () => {
  const app = new Hono().use(session(managers())).get('/', (c) => c.text(count(c.var.session)))
  return visit((request) => app.fetch(request))
})
await check('fetch', () => visit(withSession(managers(), (_request, handle) => new Response(count(handle)))))

await check('node', () =>
  visitServer(withNodeSession(managers(), (_req, res, handle) => res.end(count(handle)))),
)
for (const dropIn of [
  (await import('@coatcheck/adapters/express-session')).default,
  createRequire(import.meta.url)('@coatcheck/adapters/express-session'),
]) {
  await check('express-session', () => {
    const middleware = dropIn({ secret, resave: false, saveUninitialized: false })
    return visitServer((req, res) =>
      middleware(req, res, () => {
        req.session.visits = (req.session.visits ?? 0) + 1
        res.end(`Visit ${req.session.visits}`)
      }),
    )
  })
}

console.log(`ok ${runtime()} ${checks} checks`)

function count(handle) {
  handle.update('visits', (visits = 0) => visits + 1)
  return `Visit ${handle.get('visits')}`
}

/** Two requests of one visitor. */
async function visit(fetch) {
  const first = await fetch(new Request('https://app.example/'))
  equal(await first.text(), 'Visit 1')
  equal(first.headers.getSetCookie().length, 1)
  const [cookie] = first.headers.getSetCookie()[0].split(';')
  const second = await fetch(new Request('https://app.example/', { headers: { cookie } }))
  equal(await second.text(), 'Visit 2')
}

/** The same, through a server of node:http. */
async function visitServer(listener) {
  const server = createServer(listener)
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    const { port } = server.address()
    await visit((request) => fetch(`http://127.0.0.1:${port}/`, { headers: request.headers }))
  } finally {
    await new Promise((closed) => {
      server.close(closed)
      server.closeAllConnections()
    })
  }
}

async function check(name, run) {
  try {
    await run()
  } catch (cause) {
    throw new Error(`${runtime()}: ${name}`, { cause })
  }
  checks++
}

function equal(actual, expected) {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (got !== wanted) throw new Error(`got ${got} instead of ${wanted}`)
}

function runtime() {
  if ('Bun' in globalThis) return `bun ${globalThis.Bun.version}`
  if ('Deno' in globalThis) return `deno ${globalThis.Deno.version.deno}`
  return `node ${process.versions.node}`
}
