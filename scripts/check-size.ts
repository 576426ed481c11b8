// Bundles what an application would, from the built packages, and holds the result to size-budget.json.
import { gzipSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import budget from '../size-budget.json' with { type: 'json' }

interface Entry {
  /** What the application imports, by module. */
  readonly imports: Readonly<Record<string, readonly string[]>>
  /** Packages that the application has anyway. */
  readonly external: readonly string[]
  /** Packages that must not be in the bundle. */
  readonly without: readonly string[]
  /** The most bytes after gzip. */
  readonly gzip: number
}

const entries: Readonly<Record<string, Entry>> = budget
const faults: string[] = []

for (const [name, entry] of Object.entries(entries)) {
  const { code, modules } = await bundle(entry)
  const size = gzipSync(code, { level: 9 }).length
  const share = Math.round((100 * size) / entry.gzip)
  console.log(`${name}: ${size} of ${entry.gzip} bytes (${share} %) gzip, ${code.length} minified`)
  if (size > entry.gzip) faults.push(`'${name}' is ${size - entry.gzip} bytes above its budget`)
  for (const unwanted of entry.without) {
    const found = modules.find((module) => module.includes(`/node_modules/${unwanted}/`))
    if (found !== undefined) faults.push(`'${name}' contains ${unwanted}`)
  }
}

for (const fault of faults) console.error(`size-budget.json: ${fault}.`)
if (faults.length > 0) process.exitCode = 1

async function bundle(entry: Entry): Promise<{ code: string; modules: string[] }> {
  // The entry stands in the root folder, from where the workspace's packages resolve.
  const id = fileURLToPath(new URL('../size-entry.js', import.meta.url))
  const source = Object.entries(entry.imports)
    .map(([module, names]) => `export { ${names.join(', ')} } from '${module}'`)
    .join('\n')
  const build = await rolldown({
    input: id,
    platform: 'neutral',
    external: entry.external.map((name) => new RegExp(`^${name}(/|$)`)),
    resolve: { conditionNames: ['import', 'default'], mainFields: ['module', 'main'] },
    plugins: [
      {
        name: 'size-entry',
        resolveId: (source) => (source === id ? id : null),
        load: (module) => (module === id ? source : null),
      },
    ],
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`)
    },
  })
  const { output } = await build.generate({ format: 'esm', minify: true })
  await build.close()
  // What is imported only when it is called (`explain`) is loaded by those who call it.
  const chunks = new Map(output.map((file) => [file.fileName, file]))
  const loaded = new Set([output[0].fileName])
  for (const name of loaded) {
    const chunk = chunks.get(name)
    if (chunk?.type === 'chunk') for (const imported of chunk.imports) loaded.add(imported)
  }
  const files = [...loaded].map((name) => chunks.get(name)).filter((file) => file?.type === 'chunk')
  return {
    code: files.map(({ code }) => code).join('\n'),
    modules: files.flatMap(({ moduleIds }) => moduleIds),
  }
}
