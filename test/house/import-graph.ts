import { dirname, join } from 'node:path/posix'
import { parseSync, Visitor, type ESTree } from 'rolldown/utils'

/** Sources by path from the root folder. */
export type Tree = ReadonlyMap<string, string>

/** One import or re-export, whatever its form. */
export interface Import {
  /** As written. */
  readonly specifier: string
  /** The path of the file that it means; null for a package or a builtin. */
  readonly file: string | null
  /** Whether nothing of it is left at run time. */
  readonly typeOnly: boolean
  /** Whether it is loaded only when the code comes to it: `import()`. */
  readonly lazy: boolean
}

/** What a file imports and whether it has a default export. */
export interface Module {
  readonly imports: readonly Import[]
  readonly hasDefaultExport: boolean
}

/** Parses every file. Throws on a syntax error. */
export function parseTree(tree: Tree): ReadonlyMap<string, Module> {
  return new Map([...tree].map(([path, source]) => [path, parseModule(path, source)]))
}

/** The files that are loaded with a file, itself included, but not what it loads later. `resolve` finds the file of a specifier that is not relative. */
export function reachableFrom(
  start: string,
  modules: ReadonlyMap<string, Module>,
  resolve: (specifier: string) => string | null,
): Set<string> {
  const reached = new Set([start])
  for (const path of reached) {
    for (const { file, lazy, specifier } of modules.get(path)?.imports ?? []) {
      if (lazy) continue
      const next = file ?? resolve(specifier)
      if (next !== null) reached.add(next)
    }
  }
  return reached
}

/** The first cycle found from each file, as a path that ends where it began. */
export function cyclesIn(modules: ReadonlyMap<string, Module>): string[][] {
  const cycles: string[][] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start !== -1) cycles.push([...trail.slice(start), path])
    if (start !== -1 || done.has(path)) return
    for (const { file } of modules.get(path)?.imports ?? []) {
      if (file !== null) visit(file, [...trail, path])
    }
    done.add(path)
  }
  for (const path of modules.keys()) visit(path, [])
  return cycles
}

function parseModule(path: string, source: string): Module {
  const { errors, program } = parseSync(path, source)
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`)
  const imports: Import[] = []
  let hasDefaultExport = false
  const add = (source: ESTree.Expression | null, typeOnly: boolean, lazy = false): void => {
    if (source === null) return
    if (source.type !== 'Literal' || typeof source.value !== 'string') {
      throw new Error(`${path}: an import must name its module by a plain string`)
    }
    const specifier = source.value
    const file = specifier.startsWith('.') ? join(dirname(path), specifier) : null
    imports.push({ specifier, file, typeOnly, lazy })
  }
  const visitor = new Visitor({
    ImportDeclaration: (node) => add(node.source, node.importKind === 'type'),
    ExportAllDeclaration: (node) => add(node.source, node.exportKind === 'type'),
    ExportNamedDeclaration: (node) => {
      add(node.source, node.exportKind === 'type')
      hasDefaultExport ||= node.specifiers.some(({ exported }) => nameOf(exported) === 'default')
    },
    ExportDefaultDeclaration: () => void (hasDefaultExport = true),
    ImportExpression: (node) => add(node.source, false, true),
    TSImportType: (node) => add(node.source, true),
  })
  visitor.visit(program)
  return { imports, hasDefaultExport }
}

function nameOf(name: ESTree.ModuleExportName): string {
  return name.type === 'Literal' ? name.value : name.name
}
