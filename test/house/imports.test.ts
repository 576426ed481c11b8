import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  cycleFaults,
  defaultExportFaults,
  directionFaults,
  doorFaults,
  joseFaults,
  lengthFaults,
  levelFaults,
  nameFaults,
  nodeFaults,
  packageFaults,
  storeFaults,
  type House,
  type Manifest,
} from './house-rules.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const packages = ['packages/core', 'packages/adapters']
const sources = globSync(['packages/*/src/**/*.ts', 'apps/*/src/**/*.ts'], { cwd: root })
const house: House = {
  tree: new Map(
    sources
      .filter((path) => !/\.test(-d)?\.ts$/.test(path))
      .map((path) => [path, readFileSync(root + path, 'utf8')]),
  ),
  manifests: new Map(
    packages.map((path) => [path, manifestOf(readFileSync(`${root}${path}/package.json`, 'utf8'))]),
  ),
}

test('the rules are held against the sources that are there', () => {
  expect(house.tree.size).toBeGreaterThan(25)
  expect([...house.tree.keys()]).toContain('packages/core/src/index.ts')
})

describe('apps import doors, adapters import doors of core, core imports neither', () => {
  holds(directionFaults)
  refuses('relative paths into another package', directionFaults, {
    'packages/adapters/src/frameworks/hono.ts': "import { a } from '../../../core/src/index.ts'",
    'apps/demo/src/index.ts': "export * from '../../../packages/adapters/src/stores/kv.ts'",
  })
  refuses('what is no door, or the wrong way round', directionFaults, {
    'packages/core/src/index.ts': "import type { A } from '@coatcheck/adapters/kv'",
    'packages/adapters/src/stores/kv.ts': "import '@coatcheck/adapters/hono'",
    'packages/adapters/src/frameworks/hono.ts': "type T = import('@coatcheck/core/session/session').T",
    'apps/demo/src/index.ts': "const core = await import('@coatcheck/core/manager')",
    'apps/demo/src/other.ts': "import { a } from './nowhere.ts'",
  })
})

describe('a store imports only types from core', () => {
  holds(storeFaults)
  refuses('run-time imports', storeFaults, {
    'packages/adapters/src/stores/kv.ts': "import { SessionError } from '@coatcheck/core'",
    'packages/adapters/src/stores/d1.ts': "import { type Store } from '@coatcheck/core'",
    'packages/adapters/src/stores/sql.ts': "export { a } from '@coatcheck/core/memory-store'",
  })
  allows('types', storeFaults, {
    'packages/adapters/src/stores/kv.ts': "import type { Store } from '@coatcheck/core'",
  })
})

describe('inside core imports go down', () => {
  holds(levelFaults)
  refuses('ways up', levelFaults, {
    'packages/core/src/errors.ts': "import { a } from './crypto/bytes.ts'",
    'packages/core/src/crypto/token.ts': "import type { A } from '../cookie/cookie-header.ts'",
    'packages/core/src/store/store.ts': "import type { A } from '../session/session.ts'",
    'packages/core/src/manager/events.ts': "import { a } from './options.ts'",
    'packages/core/src/backend/store-backend.ts': "import { a } from '../manager/plan.ts'",
    'packages/core/src/memory-store.ts': "import { a } from './index.ts'",
    'packages/core/src/manager/manager.ts': "import { a } from '../testing.ts'",
  })
  allows('ways down and the own room', levelFaults, {
    'packages/core/src/index.ts': "export * from './manager/manager.ts'",
    'packages/core/src/manager/manager.ts':
      "import './events.ts'\nimport './plan.ts'\nimport '../backend/a.ts'",
    'packages/core/src/backend/a.ts': "import type { A } from '../manager/events.ts'",
  })
})

describe('no file leads back to itself', () => {
  holds(cycleFaults)
  refuses(
    'a ring of three, one of them by types',
    cycleFaults,
    {
      'packages/core/src/session/a.ts': "import { b } from './b.ts'\nexport const a = b",
      'packages/core/src/session/b.ts': "import type { C } from '../store/c.ts'\nexport const b = 1",
      'packages/core/src/store/c.ts': "export type C = import('../session/a.ts').A",
    },
    manifest(),
  )
  allows('two ways to one file', cycleFaults, {
    'packages/core/src/session/a.ts': "import './b.ts'\nimport './c.ts'",
    'packages/core/src/session/b.ts': "import './c.ts'",
    'packages/core/src/session/c.ts': '',
  })
})

describe('doors and exports match one to one', () => {
  holds(doorFaults)
  const index = { 'packages/core/src/index.ts': '' }
  allows('a door with its entry', doorFaults, index, manifest(['.', './src/index.ts']))
  refuses(
    'a file that is neither door nor imported',
    doorFaults,
    { ...index, 'packages/core/src/extra.ts': '' },
    manifest(['.', './src/index.ts']),
  )
  refuses(
    'an entry without a file',
    doorFaults,
    index,
    manifest(['.', './src/index.ts'], ['./csrf', './src/csrf.ts']),
  )
  const variant = { node: { 'coatcheck-source': './src/extra.ts' } }
  allows(
    'a file that stands behind an inner name',
    doorFaults,
    { ...index, 'packages/core/src/extra.ts': '' },
    { ...manifest(['.', './src/index.ts']), imports: { '#extra': variant } },
  )
  const misnamed = manifest(['.', './src/index.ts'], ['./kv', './src/memory-store.ts'])
  refuses(
    'an entry of another name',
    doorFaults,
    { ...index, 'packages/core/src/memory-store.ts': '' },
    misnamed,
  )
  const unpublished = manifest(['.', './src/index.ts'])
  refuses('an unpublished entry', doorFaults, index, { ...unpublished, publishConfig: { exports: {} } })
  refuses('a published entry with the source condition', doorFaults, index, {
    ...unpublished,
    publishConfig: { exports: unpublished.exports },
  })
})

describe('nothing imports from Node but its adapters', () => {
  holds(nodeFaults)
  refuses('Node under each of its names', nodeFaults, {
    'packages/core/src/crypto/bytes.ts': "import { randomBytes } from 'node:crypto'",
    'packages/adapters/src/stores/kv.ts': "import fs from 'fs'",
    'packages/adapters/src/frameworks/hono.ts':
      "const { AsyncLocalStorage } = await import('node:async_hooks')",
  })
})

describe('packages are declared, and each peer is behind one door', () => {
  holds(packageFaults)
  const core = manifest(['.', './src/index.ts'])
  refuses(
    'an undeclared package',
    packageFaults,
    { 'packages/core/src/index.ts': "import type { Koa } from 'koa/tiny'" },
    core,
  )
  const peer = { ...core, peerDependencies: { koa: '^4' } }
  allows(
    'a declared peer',
    packageFaults,
    { 'packages/core/src/index.ts': "import type { Koa } from 'koa'" },
    peer,
  )
  refuses('a peer that nobody imports', packageFaults, { 'packages/core/src/index.ts': '' }, peer)
  const two = {
    ...manifest(['.', './src/index.ts'], ['./b', './src/b.ts']),
    peerDependencies: { koa: '^4' },
  }
  refuses(
    'a peer behind two doors',
    packageFaults,
    {
      'packages/core/src/index.ts': "import './session/shared-part.ts'",
      'packages/core/src/b.ts': "import './session/shared-part.ts'",
      'packages/core/src/session/shared-part.ts': "import { Koa } from 'koa'",
    },
    two,
  )
})

describe('jose comes only through the doors that need it', () => {
  holds(joseFaults)
  refuses(
    'jose behind a room',
    joseFaults,
    {
      'packages/core/src/index.ts': "export * from './backend/sealed.ts'",
      'packages/core/src/backend/sealed.ts': "import { EncryptJWT } from 'jose'",
    },
    manifest(['.', './src/index.ts']),
  )
  allows(
    'jose that is loaded when it is needed',
    joseFaults,
    {
      'packages/core/src/index.ts': "export const open = () => import('./backend/sealed.ts')",
      'packages/core/src/backend/sealed.ts': "import { EncryptJWT } from 'jose'",
    },
    manifest(['.', './src/index.ts']),
  )
})

describe('packages have no default exports', () => {
  holds(defaultExportFaults)
  refuses('both ways to write one', defaultExportFaults, {
    'packages/core/src/index.ts': 'export default 1',
    'packages/core/src/csrf.ts': 'const a = 1\nexport { a as default }',
  })
  allows('the entry of an app', defaultExportFaults, { 'apps/demo/src/index.ts': 'export default {}' })
})

describe('no file has more than 250 lines', () => {
  holds(lengthFaults)
  refuses('one line too many', lengthFaults, { 'packages/core/src/index.ts': 'void 0\n'.repeat(251) })
  allows('the limit itself', lengthFaults, { 'packages/core/src/index.ts': 'void 0\n'.repeat(250) })
})

describe('every name says what is inside', () => {
  holds(nameFaults)
  refuses('vague folders and files', nameFaults, {
    'packages/core/src/utils/bytes.ts': '',
    'packages/core/src/session/types.ts': '',
    'apps/demo/src/helpers.ts': '',
  })
})

type Rule = (house: House) => string[]

function holds(rule: Rule): void {
  test('holds in this repository', () => {
    expect(rule(house)).toEqual([])
  })
}

/** The rule finds each file of a wrong tree; with a manifest, its one fault. */
function refuses(what: string, rule: Rule, files: Record<string, string>, core?: Manifest): void {
  test(`refuses ${what}`, () => {
    expect(rule(example(files, core))).toHaveLength(core === undefined ? Object.keys(files).length : 1)
  })
}

function allows(what: string, rule: Rule, files: Record<string, string>, core?: Manifest): void {
  test(`allows ${what}`, () => {
    expect(rule(example(files, core))).toEqual([])
  })
}

function example(files: Record<string, string>, core?: Manifest): House {
  const manifests = core === undefined ? house.manifests : new Map([['packages/core', core]])
  return { tree: new Map(Object.entries(files)), manifests }
}

function manifest(...doors: [entry: string, source: string][]): Manifest {
  const targets = doors.map(([entry, source]) => {
    const built = source.replace('./src/', './dist/').replace(/\.ts$/, '')
    const published = { types: `${built}.d.ts`, default: `${built}.js` }
    return { entry, own: { 'coatcheck-source': source, ...published }, published }
  })
  return {
    name: '@coatcheck/core',
    exports: Object.fromEntries(targets.map(({ entry, own }) => [entry, own])),
    publishConfig: { exports: Object.fromEntries(targets.map(({ entry, published }) => [entry, published])) },
  }
}

function manifestOf(text: string): Manifest {
  return JSON.parse(text) as Manifest
}
