// The watch of the project `node` over a test that leaks: `leaks.test.ts` runs it and sees it fail.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = ['coatcheck-source']

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source, externalConditions: source } },
  test: {
    include: ['test/defence/leaking/*.leak.ts'],
    setupFiles: ['test/support/leak-watch.setup.ts'],
  },
})
