import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

// Every project but `runtimes` reads the packages' sources: nothing has to be built first.
const source = ['coatcheck-source']
const workerd = [...source, 'workerd', 'worker', 'module', 'browser']

/** Generous, because a busy machine is no fault of the code. */
const slow = 30_000

const fromSource = {
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source, externalConditions: source } },
}

export default defineConfig({
  test: {
    // vitest leaves one core to the terminal; here the browser's and the servers' tests mostly wait.
    maxWorkers: '100%',
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts'],
      reporter: ['text', 'json-summary'],
      thresholds: { 'packages/core/src/**': { branches: 95 } },
    },
    projects: [
      {
        ...fromSource,
        test: {
          name: 'node',
          testTimeout: slow,
          setupFiles: ['test/support/leak-watch.setup.ts'],
          include: ['packages/*/src/**/*.test.ts'],
          exclude: ['**/*.workerd.test.ts', '**/*.service.test.ts'],
        },
      },
      {
        resolve: { conditions: workerd },
        ssr: { resolve: { conditions: workerd } },
        plugins: [
          cloudflareTest({
            remoteBindings: false,
            miniflare: {
              compatibilityDate: '2026-07-01',
              compatibilityFlags: ['nodejs_compat'],
              kvNamespaces: ['SESSIONS'],
              d1Databases: ['DB'],
            },
          }),
        ],
        test: {
          name: 'workerd',
          testTimeout: slow,
          include: ['packages/*/src/**/*.test.ts'],
          exclude: ['**/*.node.test.ts', '**/*.service.test.ts'],
        },
      },
      {
        ...fromSource,
        test: {
          // Each file starts the servers that it needs, on ports of its own, and stops them.
          name: 'services',
          include: ['packages/*/src/**/*.service.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...fromSource,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['packages/*/src/**/*.test-d.ts'],
            tsconfig: './tsconfig.test-types.json',
          },
        },
      },
      {
        ...fromSource,
        test: {
          name: 'demo',
          include: ['apps/*/test/**/*.test.ts'],
          testTimeout: slow,
          hookTimeout: slow,
        },
      },
      {
        ...fromSource,
        test: {
          // The drop-in beside express-session, under the packages that people use with it.
          name: 'express',
          include: ['test/express/*.test.ts'],
          testTimeout: slow,
          hookTimeout: 120_000,
        },
      },
      {
        ...fromSource,
        test: {
          // What SECURITY.md promises, under attack.
          name: 'defence',
          include: ['test/defence/*.test.ts'],
          testTimeout: slow,
          hookTimeout: slow,
        },
      },
      { ...fromSource, test: { name: 'house', include: ['test/house/*.test.ts'], testTimeout: slow } },
      { test: { name: 'runtimes', include: ['test/runtimes/*.test.ts'], testTimeout: 120_000 } },
    ],
  },
})
