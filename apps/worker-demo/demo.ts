import { startDemo } from './server.ts'

const { DATA_DIR: dataDir, HTTPS, PORT } = process.env
const demo = await startDemo({ port: Number(PORT || 8787), https: HTTPS === '1', dataDir })
console.log(`coatcheck demo: ${demo.origin}`)
console.log('Ctrl-C stops it')

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Until here miniflare's own handler has taken care of workerd, but it ends with a code that looks like a failure.
  process.removeAllListeners(signal)
  process.once(signal, () => void demo.stop().finally(() => process.exit(0)))
}
