// The rules of ARCHITECTURE.md about who may import whom, as functions over sources: the test feeds them the real
// tree, and small wrong ones. Each returns its faults as sentences.
import { builtinModules } from 'node:module'
import { basename, dirname, join } from 'node:path/posix'
import { cyclesIn, parseTree, reachableFrom, type Import, type Module, type Tree } from './import-graph.ts'

/** The part of a package.json that the rules read. */
export interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
  /** Which file stands behind an inner name, by the runtime. */
  readonly imports?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly publishConfig: { readonly exports: Readonly<Record<string, unknown>> }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Sources without tests, and the manifest of each package by its folder: 'packages/core'. */
export interface House {
  readonly tree: Tree
  readonly manifests: ReadonlyMap<string, Manifest>
}

const core = 'packages/core/src/'
const stores = 'packages/adapters/src/stores/'
const frameworks = 'packages/adapters/src/frameworks/'

/** Core from the ground up: a file imports its own room and what lies lower. A file named here is a room of its own. */
const levels: Readonly<Record<string, number>> = {
  'errors.ts': 0,
  'steps.ts': 0,
  'crypto/': 1,
  'cookie/': 1,
  'store/': 2,
  'manager/events.ts': 2,
  'session/': 3,
  'csrf/': 3,
  'backend/': 4,
  'manager/': 5,
  'conformance/': 6,
}
const doorLevel = 7

/** Where `node:*` may be imported: the adapters of Node. */
const nodeFiles: readonly string[] = [
  `${core}crypto/hmac-node.ts`,
  `${stores}file.ts`,
  `${stores}file-index.ts`,
  `${stores}file-lock.ts`,
  `${stores}file-record.ts`,
  `${stores}to-express-store.ts`,
  `${frameworks}node.ts`,
  `${frameworks}node-request.ts`,
  `${frameworks}legacy-sessions.ts`,
  `${frameworks}response-gate.ts`,
  `${frameworks}pretence.ts`,
  `${frameworks}open-head.ts`,
  `${frameworks}head-fields.ts`,
  `${frameworks}node-response.ts`,
]
/** The drop-in for express-session is made for Node. */
const nodeRooms: readonly string[] = ['packages/adapters/src/express-session/']

/** Peers whose clients are taken by their shape and imported nowhere; naming them lets npm warn of another major version. */
const structuralPeers: readonly string[] = [
  '@electric-sql/pglite',
  '@upstash/redis',
  'better-sqlite3',
  'express',
  'ioredis',
  'mysql2',
  'pg',
  'redis',
  'unstorage',
]

/** Peers with a door of their own for each middleware; applications that have one of the doors have the peer. */
const doorsOfPeer: Readonly<Record<string, number>> = { hono: 2, 'iron-webcrypto': 2 }

/** The doors that need jose. The option `cache` of the store manager loads it when it is used. */
const joseDoors: readonly string[] = [
  `${core}cookie-session.ts`,
  'packages/adapters/src/foreign/from-hono-session.ts',
]

/** express-session has a default export, and so has what takes its place. */
const defaultExports: readonly string[] = [`${frameworks}express-session.ts`]

/** Files that may be longer than the limit, each with its reason in a comment. */
const longFiles: readonly string[] = []
const longestFile = 250

const vagueName = /^(utils?|helpers?|common|types?|misc|shared)$/

/** Apps import doors; adapters import core's doors; core imports neither. */
export function directionFaults({ tree, manifests }: House): string[] {
  return faultsOf(tree, (path, { file, specifier }) => {
    const home = packageOf(path)
    if (file !== null) {
      if (packageOf(file) !== home) return 'reaches into another package instead of through a door'
      return tree.has(file) ? null : 'names a file that is not there'
    }
    if (!specifier.startsWith('@coatcheck/')) return null
    if (home === 'packages/core') return 'core imports no package of ours'
    if (home === 'packages/adapters' && !/^@coatcheck\/core(\/|$)/.test(specifier))
      return 'adapters import core only'
    return doorFile(specifier, manifests) === null ? 'is not a door' : null
  })
}

/** A store knows core's types only, so that nothing of core comes along at run time. */
export function storeFaults({ tree }: House): string[] {
  return faultsOf(tree, (path, { specifier, typeOnly }) => {
    if (!path.startsWith(stores) || !specifier.startsWith('@coatcheck/core') || typeOnly) return null
    return 'a store takes only types from core: write `import type`'
  })
}

/** Inside core, imports go down. */
export function levelFaults({ tree }: House): string[] {
  return faultsOf(tree, (path, { file }) => {
    if (!path.startsWith(core) || file === null || !file.startsWith(core)) return null
    const [from, to] = [roomOf(path), roomOf(file)]
    if (to.level === doorLevel) return 'nothing inside core imports a door'
    if (from.name === to.name || to.level < from.level) return null
    return `${from.name} is on level ${from.level} and ${to.name} on level ${to.level}: imports go down`
  })
}

/** No file leads back to itself, not even by types. */
export function cycleFaults({ tree }: House): string[] {
  return cyclesIn(parseTree(tree)).map((cycle) => `${cycle.join(' → ')}: a cycle`)
}

/** Every entry of `exports` is a door of its name, every door has its entry, and the published entries are the same. */
export function doorFaults({ tree, manifests }: House): string[] {
  return [...manifests].flatMap(([folder, manifest]) => {
    const faults: string[] = []
    const doors = new Set<string>()
    for (const [entry, target] of Object.entries(manifest.exports)) {
      if (entry === './package.json') continue
      const door = doorFile(manifest.name + entry.slice(1), new Map([[folder, manifest]]))
      if (door === null || !tree.has(door)) {
        faults.push(`${folder}: '${entry}' leads to no file`)
        continue
      }
      doors.add(door)
      const name = entry === '.' ? 'index' : entry.slice(2)
      if (basename(door, '.ts') !== name)
        faults.push(`${folder}: '${entry}' leads to ${door}, of another name`)
      const built = `./dist/${door.slice(`${folder}/src/`.length, -3)}`
      const published = { types: `${built}.d.ts`, default: `${built}.js` }
      const own = { 'coatcheck-source': `./${door.slice(folder.length + 1)}`, ...published }
      if (!sameText(target, own))
        faults.push(`${folder}: exports '${entry}' should be ${JSON.stringify(own)}`)
      if (!sameText(manifest.publishConfig.exports[entry], published)) {
        faults.push(`${folder}: publishConfig.exports '${entry}' should be ${JSON.stringify(published)}`)
      }
    }
    for (const entry of Object.keys(manifest.publishConfig.exports)) {
      if (!(entry in manifest.exports)) faults.push(`${folder}: '${entry}' is published but no export`)
    }
    const files = [...tree.keys()].filter((path) => packageOf(path) === folder)
    const imported = new Set(
      [...parseTree(tree).values()].flatMap(({ imports }) => imports.map(({ file }) => file)),
    )
    const variants = new Set(variantsOf(manifest).map((source) => join(folder, source)))
    for (const path of files) {
      const inside = isRoom(path) || imported.has(path) || variants.has(path)
      if (!doors.has(path) && !inside)
        faults.push(`${path}: neither a door with an entry in exports nor imported`)
    }
    return faults
  })
}

function variantsOf({ imports = {} }: Manifest): string[] {
  const targets = Object.values(imports).flatMap((byRuntime) => Object.values(byRuntime))
  return targets.map((target) => (target as { readonly 'coatcheck-source': string })['coatcheck-source'])
}

/** Core, the stores and the adapters of the edge run where there is no Node. */
export function nodeFaults({ tree }: House): string[] {
  const builtins = new Set(builtinModules)
  return faultsOf(tree, (path, { specifier }) => {
    const isNode = specifier.startsWith('node:') || builtins.has(specifier)
    const allowed = nodeFiles.includes(path) || nodeRooms.some((room) => path.startsWith(room))
    return isNode && !allowed ? 'only adapters of Node import from Node' : null
  })
}

/** What a published file imports is declared, and each peer is behind exactly one door, or taken by its shape. */
export function packageFaults(house: House): string[] {
  const { tree, manifests } = house
  const faults = faultsOf(tree, (path, { specifier }) => {
    const manifest = manifests.get(packageOf(path))
    // What begins with # is the package's own, by a name in its manifest.
    if (manifest === undefined || /^(?:[.#]|node:)/.test(specifier)) return null
    const name = packageName(specifier)
    const declared = name in { ...manifest.dependencies, ...manifest.peerDependencies }
    return declared ? null : `${name} is neither a dependency nor a peer`
  })
  for (const [folder, { peerDependencies = {} }] of manifests) {
    for (const peer of Object.keys(peerDependencies)) {
      const doors = doorsThatReach(peer, house).filter((door) => packageOf(door) === folder)
      const wanted = structuralPeers.includes(peer) ? 0 : (doorsOfPeer[peer] ?? 1)
      if (doors.length !== wanted)
        faults.push(`${folder}: ${peer} is behind ${doors.length} doors: ${doors.join(', ')}`)
    }
  }
  return faults
}

/** jose weighs more than all of core, so it comes only through the doors that need it. */
export function joseFaults(house: House): string[] {
  return doorsThatReach('jose', house)
    .filter((door) => !joseDoors.includes(door))
    .map((door) => `${door}: leads to jose`)
}

/** A name at the export is a name at the import. The entry of an app is what its platform wants it to be. */
export function defaultExportFaults({ tree }: House): string[] {
  return [...parseTree(tree)]
    .filter(
      ([path, module]) =>
        path.startsWith('packages/') && module.hasDefaultExport && !defaultExports.includes(path),
    )
    .map(([path]) => `${path}: has a default export`)
}

/** A file fits into a head. */
export function lengthFaults({ tree }: House): string[] {
  return [...tree]
    .map(([path, source]) => ({ path, lines: source.trimEnd().split('\n').length }))
    .filter(({ path, lines }) => lines > longestFile && !longFiles.includes(path))
    .map(({ path, lines }) => `${path}: has ${lines} lines, ${lines - longestFile} too many`)
}

/** A name says what is inside. */
export function nameFaults({ tree }: House): string[] {
  return [...tree.keys()]
    .filter((path) => path.split('/').some((part) => vagueName.test(part.split('.')[0] ?? '')))
    .map((path) => `${path}: a name that could hold anything`)
}

function faultsOf(tree: Tree, judge: (path: string, imported: Import) => string | null): string[] {
  const modules: ReadonlyMap<string, Module> = parseTree(tree)
  return [...modules].flatMap(([path, { imports }]) =>
    imports.flatMap((imported) => {
      const fault = judge(path, imported)
      return fault === null ? [] : [`${path} imports '${imported.specifier}': ${fault}`]
    }),
  )
}

function doorsThatReach(name: string, { tree, manifests }: House): string[] {
  const modules = parseTree(tree)
  const doors = [...manifests].flatMap(([folder, manifest]) =>
    Object.keys(manifest.exports)
      .map((entry) => doorFile(manifest.name + entry.slice(1), new Map([[folder, manifest]])))
      .filter((door) => door !== null),
  )
  const importers = new Set(
    [...modules]
      .filter(([, { imports }]) =>
        imports.some(({ file, specifier }) => file === null && packageName(specifier) === name),
      )
      .map(([path]) => path),
  )
  return doors.filter((door) => {
    const reached = reachableFrom(door, modules, (specifier) => doorFile(specifier, manifests))
    return [...reached].some((path) => importers.has(path))
  })
}

/** The source file of a door, by the specifier that people write; null when there is no such door. */
function doorFile(specifier: string, manifests: House['manifests']): string | null {
  for (const [folder, { name, exports }] of manifests) {
    const entry =
      specifier === name ? '.' : specifier.startsWith(`${name}/`) ? `.${specifier.slice(name.length)}` : null
    const target = entry === null ? undefined : exports[entry]
    if (typeof target !== 'object' || target === null || !('coatcheck-source' in target)) continue
    const source = target['coatcheck-source']
    if (typeof source === 'string') return `${folder}/${source.slice(2)}`
  }
  return null
}

/** 'packages/core' of 'packages/core/src/index.ts'. */
function packageOf(path: string): string {
  return path.split('/').slice(0, 2).join('/')
}

/** 'hono' of 'hono/cookie', '@a/b' of '@a/b/c'. */
function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Core's rooms are folders, and the one file of errors; everything else at the top is a door. */
function isRoom(path: string): boolean {
  return path.startsWith(core) && roomOf(path).level !== doorLevel
}

function roomOf(path: string): { name: string; level: number } {
  const inCore = path.slice(core.length)
  const name = inCore in levels ? inCore : `${dirname(inCore)}/`
  if (name === './') return { name: inCore, level: doorLevel }
  const level = levels[name]
  if (level === undefined) throw new Error(`${path}: give its room a level in house-rules.ts`)
  return { name, level }
}

function sameText(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
