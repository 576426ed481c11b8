// Brings together what is claimed (clauses.ts) and what is proven: a test proves the clauses that its name begins with.
// `node scripts/conformance.ts` writes the table of SECURITY.md; test/house and the end of a whole run hold to it.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync, Visitor, type ESTree } from 'rolldown/utils'
import { chapters, clauses, type Clause } from './clauses.ts'

/** A test, or a group of tests, whose name begins with a clause. */
export interface Proof {
  readonly clause: string
  /** What it says behind its clauses, with the groups that it stands in. */
  readonly name: string
  /** The path from the root folder. */
  readonly file: string
}

/** What the sources of tests say. */
export interface Findings {
  readonly proofs: readonly Proof[]
  /** Names that cannot be read, as sentences. */
  readonly faults: readonly string[]
}

/** The part of vitest's JSON report that counts here. */
export interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[]
      readonly title: string
      readonly status: string
    }[]
  }[]
}

const root = fileURLToPath(new URL('..', import.meta.url))
const clause = String.raw`(?:ASVS|NIST|CSC|RFC\d+(?:bis)?)-\w(?:[\w.-]*\w)?`
const clauseAnywhere = new RegExp(String.raw`\b${clause}`)
const clausesAtStart = new RegExp(`^(?:${clause}:? )+`)
const begin = '<!-- prettier-ignore-start -->'
const end = '<!-- prettier-ignore-end -->'

/** Takes the clauses off a title: 'ASVS-3.3.1 ASVS-3.3.2 is Secure' proves two. */
export function readTitle(title: string): { readonly clauses: readonly string[]; readonly rest: string } {
  const start = clausesAtStart.exec(title)?.[0] ?? ''
  const found = start.split(/:? /).filter((part) => part !== '')
  return { clauses: found, rest: title.slice(start.length) }
}

/** Finds the proofs in the sources of tests, by path. */
export function proofsIn(sources: ReadonlyMap<string, string>): Findings {
  const proofs: Proof[] = []
  const faults: string[] = []
  for (const [file, source] of sources) {
    if (!clauseAnywhere.test(source)) continue
    const groups: string[] = []
    const { errors, program } = parseSync(file, source)
    if (errors[0] !== undefined) throw new Error(`${file}: ${errors[0].message}`)
    new Visitor({
      CallExpression(node) {
        const title = titleOf(node)
        if (title === null) return
        const { clauses: found, rest } = readTitle(title)
        groups.push(rest)
        const name = groups.filter((group) => group !== '').join(' ')
        proofs.push(...found.map((clause) => ({ clause, name, file })))
        const late = clauseAnywhere.exec(rest)?.[0]
        if (late !== undefined) faults.push(`${file}: '${title}' has to begin with ${late} to prove it.`)
      },
      'CallExpression:exit'(node) {
        if (titleOf(node) !== null) groups.pop()
      },
    }).visit(program)
  }
  return { proofs, faults }
}

/** What is claimed without a test, and what is tested without being known; as sentences. */
export function claimFaults(
  proofs: readonly Proof[],
  known: ReadonlyMap<string, Clause> = clauses,
): string[] {
  const proven = new Set(proofs.map(({ clause }) => clause))
  return [
    ...proofs
      .filter(({ clause }) => !known.has(clause))
      .map(
        ({ clause, file, name }) => `${file}: '${name}' proves ${clause}, which clauses.ts does not know.`,
      ),
    ...[...known.values()]
      .filter((clause) => isClaim(clause) && !proven.has(clause.id))
      .map(({ id, short }) => `${id} (${short}) is claimed, but no test begins with it.`),
    ...proofs
      .filter(({ clause }) => known.get(clause)?.who === 'nobody')
      .map(({ clause, file, name }) => `${file}: '${name}' proves ${clause}, which is said not to apply.`),
  ]
}

/** The claims that a whole run of the tests did not prove, as sentences: a test that failed or did not run proves nothing. */
export function unproven(report: Report, known: ReadonlyMap<string, Clause> = clauses): string[] {
  const tests = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .map(({ ancestorTitles, status, title }) => {
      const titles = [...ancestorTitles, title].map(readTitle)
      return { clauses: titles.flatMap(({ clauses }) => clauses), name: titles.at(-1)!.rest, status }
    })
  return [...known.values()].filter(isClaim).flatMap(({ id }) => {
    const own = tests.filter(({ clauses }) => clauses.includes(id))
    if (own.length === 0) return [`${id} is claimed, but no test ran that begins with it.`]
    const other = own.find(({ status }) => status !== 'passed')
    return other === undefined ? [] : [`${id} is claimed, but its test '${other.name}' is ${other.status}.`]
  })
}

/** The names of our API that the clauses give, with the clause: each has to be in the sources. */
export function promisedNames(
  known: ReadonlyMap<string, Clause> = clauses,
): [name: string, clause: string][] {
  return [...known.values()].flatMap(({ by, id }) =>
    [...by.matchAll(/`([^`]+)`/g)].map(([, name = '']): [string, string] => [name, id]),
  )
}

/** The tables, one for each chapter. */
export function conformanceTable(proofs: readonly Proof[]): string {
  const sections = chapters.map(({ title, clauses }) => {
    const rows = clauses.map(
      (clause) => `| ${clause.id} | ${clause.short} | ${whoOf(clause)} | ${proofCell(clause.id, proofs)} |`,
    )
    return [`### ${title}`, '', '| clause | in short | who | proven by |', '|---|---|---|---|', ...rows].join(
      '\n',
    )
  })
  return sections.join('\n\n')
}

/** SECURITY.md with the table of these proofs in it. Throws where its marks are not there. */
export function withTable(text: string, proofs: readonly Proof[]): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`SECURITY.md has lost its marks: ${begin} … ${end}`)
  return `${text.slice(0, from)}${begin}\n\n${conformanceTable(proofs)}\n\n${text.slice(to)}`
}

/** Reads the sources of all tests. */
export function testSources(): ReadonlyMap<string, string> {
  const patterns = [
    'packages/*/src/**/*.test.ts',
    'packages/*/src/**/*.test-d.ts',
    'apps/*/test/**/*.ts',
    'test/**/*.ts',
  ]
  const paths = globSync(patterns, { cwd: root, exclude: (path) => basename(path) === 'node_modules' })
  return new Map(paths.toSorted().map((path) => [path, readFileSync(root + path, 'utf8')]))
}

function isClaim({ who }: Clause): boolean {
  return who === 'library' || who === 'helps'
}

/** The title of a test or of a group, with … for what only a run would tell; null for any other call. */
function titleOf({ arguments: [first], callee }: ESTree.CallExpression): string | null {
  return first !== undefined && isTestFunction(callee) ? textOf(first) : null
}

/** `test`, `test.for(rows)`, `describe.concurrent`, and the like. */
function isTestFunction(callee: ESTree.Expression): boolean {
  if (callee.type === 'Identifier') return ['describe', 'it', 'suite', 'test'].includes(callee.name)
  if (callee.type === 'MemberExpression') return isTestFunction(callee.object)
  if (callee.type === 'CallExpression') return isTestFunction(callee.callee)
  return callee.type === 'TaggedTemplateExpression' && isTestFunction(callee.tag)
}

function textOf(node: ESTree.Argument): string | null {
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : null
  if (node.type === 'TemplateLiteral') return node.quasis.map(({ value }) => value.cooked).join('…')
  if (node.type !== 'BinaryExpression' || node.left.type === 'PrivateIdentifier') return null
  const parts = [textOf(node.left), textOf(node.right)]
  return parts.every((part) => part === null) ? null : parts.map((part) => part ?? '…').join('')
}

function whoOf({ by, who }: Clause): string {
  if (who === 'nobody') return `does not apply: ${by}`
  if (by === '') return who
  return who === 'helps' ? `the library helps: ${by}` : `${who}; ${by} helps`
}

function proofCell(id: string, proofs: readonly Proof[]): string {
  const own = Map.groupBy(
    proofs.filter(({ clause }) => clause === id),
    ({ file }) => file,
  )
  return [...own]
    .map(([file, proofs]) => {
      const names = [...new Set(proofs.map(({ name }) => escaped(name)))]
      return `[${basename(file, '.ts')}](${file}): ${names.join('; ')}`
    })
    .join('<br>')
}

/** As text of a table in Markdown. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*_<>|[\]]/g, String.raw`\$&`).replaceAll('\n', ' ')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { faults, proofs } = proofsIn(testSources())
  const path = `${root}SECURITY.md`
  writeFileSync(path, withTable(readFileSync(path, 'utf8'), proofs))
  for (const fault of [...faults, ...claimFaults(proofs)]) console.error(fault)
}
