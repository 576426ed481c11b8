import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

/**
 * The Worker as one ES module. The condition `coatcheck-source` takes the packages from their sources, so
 * nothing needs to be built first.
 */
export async function bundleWorker(): Promise<string> {
  const bundle = await rolldown({
    input: fileURLToPath(new URL('src/index.ts', import.meta.url)),
    platform: 'neutral',
    external: [/^cloudflare:/, /^node:/],
    resolve: {
      conditionNames: ['coatcheck-source', 'workerd', 'worker', 'import', 'default'],
      mainFields: ['module', 'main'],
    },
    logLevel: 'warn',
  })
  try {
    const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
    return output[0].code
  } finally {
    await bundle.close()
  }
}
