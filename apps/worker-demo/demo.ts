import { parseArgs } from 'node:util'
import { startDemo } from './server.ts'
import { readMode } from './src/mode.ts'

const { DATA_DIR: dataDir, HTTPS, PORT, SESSIONS } = process.env
const { values } = parseArgs({ options: { sessions: { type: 'string' } } })

const sessions = setting()
const demo = await startDemo({ port: Number(PORT || 8787), https: HTTPS === '1', dataDir, sessions })
console.log(`coatcheck demo: ${demo.origin}`)
console.log('Ctrl-C stops it')
console.log(`Sessions: ${sessions}. Set SESSIONS to store, cookie or hybrid, or switch on the page.`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Until here miniflare's own handler has taken care of workerd, but it ends with a code that looks like a failure.
  process.removeAllListeners(signal)
  process.once(signal, () => void demo.stop().finally(() => process.exit(0)))
}

/** `--sessions`, or else `SESSIONS`; a wrong one is a sentence, and no stack. */
function setting(): string {
  try {
    return values.sessions === undefined
      ? readMode(SESSIONS, 'SESSIONS')
      : readMode(values.sessions, '--sessions')
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
