// SECURITY.md claims what tests prove, and its table is written from their names.
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseSync, Visitor, type ESTree } from 'rolldown/utils'
import { describe, expect, test } from 'vitest'
import { clauses, type Clause } from '../../scripts/clauses.ts'
import {
  claimFaults,
  promisedNames,
  proofsIn,
  readTitle,
  testSources,
  unproven,
  withTable,
} from '../../scripts/conformance.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { faults, proofs } = proofsIn(testSources())

const known: ReadonlyMap<string, Clause> = new Map(
  (['library', 'helps', 'application', 'nobody'] as const).map((who, at) => {
    const id = `ASVS-1.${at + 1}`
    return [id, { id, short: `short of ${who}`, who, by: who === 'library' ? '' : '`login`' }]
  }),
)

describe('in this repository', () => {
  test('every claim has a test, and every clause that a test names is known', () => {
    expect([...faults, ...claimFaults(proofs)]).toEqual([])
  })

  test('SECURITY.md has the table of its tests: `node scripts/conformance.ts` writes it', () => {
    const text = readFileSync(`${root}SECURITY.md`, 'utf8')
    expect(text).toBe(withTable(text, proofs))
  })

  test('what is said to help is declared somewhere', () => {
    const declared = declaredNames()
    expect(promisedNames().filter(([name]) => !declared.has(name))).toEqual([])
  })

  test('the clauses are those of the standards: no id comes twice, and none is badly written', () => {
    expect(clauses.size).toBeGreaterThan(100)
    for (const id of clauses.keys())
      expect(readTitle(`${id} holds`)).toEqual({ clauses: [id], rest: 'holds' })
  })
})

describe('a title', () => {
  test.for([
    ['ASVS-7.2.4 a login changes the id', ['ASVS-7.2.4'], 'a login changes the id'],
    ['ASVS-3.3.1 ASVS-3.3.2 is Secure', ['ASVS-3.3.1', 'ASVS-3.3.2'], 'is Secure'],
    ['RFC6265bis-4.1.3: a prefix', ['RFC6265bis-4.1.3'], 'a prefix'],
    ['NIST-5.1-csrf CSC-name x', ['NIST-5.1-csrf', 'CSC-name'], 'x'],
    ['a login, as ASVS-7.2.4 has it', [], 'a login, as ASVS-7.2.4 has it'],
    ['SHA-256 is a hash', [], 'SHA-256 is a hash'],
  ] as const)('proves what it begins with: %s', ([title, clauses, rest]) => {
    expect(readTitle(title)).toEqual({ clauses, rest })
  })

  test.for([
    ['test("ASVS-1.1 one", () => {})', 'one'],
    ['describe("a room", () => { describe("ASVS-1.1 one", () => { test("two", () => {}) }) })', 'a room one'],
    ['describe("a room", () => {}); test("ASVS-1.1 one", () => {})', 'one'],
    ['describe(adapter, () => { it.each(rows)(`ASVS-1.1 ${one} two`, () => {}) })', '… two'],
    ['test.for([1])("ASVS-1.1 one " + more, () => {})', 'one …'],
    ['test.each`a`("ASVS-1.1 one", () => {})', 'one'],
  ] as const)('is found in %s', ([source, name]) => {
    expect(proofsIn(new Map([['a.test.ts', source]]))).toEqual({
      proofs: [{ clause: 'ASVS-1.1', name, file: 'a.test.ts' }],
      faults: [],
    })
  })

  test.for(['// ASVS-1.1', 'expect("ASVS-1.1 one")', 'latest("ASVS-1.1 one")', 'const a = "ASVS-1.1 one"'])(
    'is none in %s',
    (source) => {
      expect(proofsIn(new Map([['a.test.ts', source]])).proofs).toEqual([])
    },
  )

  test('that names its clause too late is told', () => {
    expect(proofsIn(new Map([['a.test.ts', 'test("a login ASVS-1.1", () => {})']])).faults).toEqual([
      "a.test.ts: 'a login ASVS-1.1' has to begin with ASVS-1.1 to prove it.",
    ])
  })
})

describe('a claim', () => {
  const proof = (clause: string) => ({ clause, name: 'it holds', file: 'a.test.ts' })

  test('without a test is told, be it of the library or of its help', () => {
    expect(claimFaults([], known)).toEqual([
      'ASVS-1.1 (short of library) is claimed, but no test begins with it.',
      'ASVS-1.2 (short of helps) is claimed, but no test begins with it.',
    ])
    expect(claimFaults([proof('ASVS-1.1'), proof('ASVS-1.2'), proof('ASVS-1.3')], known)).toEqual([])
  })

  test('that nobody made, or that does not apply, is not proven', () => {
    const both = [proof('ASVS-1.1'), proof('ASVS-1.2')]
    expect(claimFaults([...both, proof('ASVS-9.9'), proof('ASVS-1.4')], known)).toEqual([
      "a.test.ts: 'it holds' proves ASVS-9.9, which clauses.ts does not know.",
      "a.test.ts: 'it holds' proves ASVS-1.4, which is said not to apply.",
    ])
  })

  const ran = (...results: [title: string, status: string, ...groups: string[]][]) => ({
    testResults: results.map(([title, status, ...ancestorTitles]) => ({
      assertionResults: [{ ancestorTitles, title, status }],
    })),
  })
  const other = ['ASVS-1.2 helps', 'passed'] satisfies [string, string]

  test('is proven by tests that ran and passed, also by a whole group', () => {
    expect(unproven(ran(['ASVS-1.1 holds', 'passed'], other), known)).toEqual([])
    expect(unproven(ran(['holds', 'passed', 'a room', 'ASVS-1.1 of coats'], other), known)).toEqual([])
  })

  test.for(['failed', 'skipped', 'pending', 'todo'])('is not proven where one test of it %s', (status) => {
    const report = ran(['ASVS-1.1 holds', 'passed'], ['ASVS-1.1 holds here too', status], other)
    expect(unproven(report, known)).toEqual([
      `ASVS-1.1 is claimed, but its test 'holds here too' is ${status}.`,
    ])
  })

  test('is not proven where none of its tests ran, nor by one that names it later', () => {
    const none = ['ASVS-1.1 is claimed, but no test ran that begins with it.']
    expect(unproven(ran(other), known)).toEqual(none)
    expect(unproven(ran(['holds ASVS-1.1', 'passed'], other), known)).toEqual(none)
    expect(unproven(ran(['ASVS-1.10 holds', 'passed'], other), known)).toEqual(none)
  })
})

test('SECURITY.md without its marks cannot be written', () => {
  expect(() => withTable('# Security', [])).toThrow('has lost its marks')
})

/** What our sources give names to: functions, constants, options and methods. */
function declaredNames(): Set<string> {
  const names = new Set<string>()
  const member = ({ key }: ESTree.TSPropertySignature | ESTree.TSMethodSignature): void => {
    if (key.type === 'Identifier') names.add(key.name)
  }
  const visitor = new Visitor({
    FunctionDeclaration: ({ id }) => void names.add(id?.name ?? ''),
    VariableDeclarator: ({ id }) => void (id.type === 'Identifier' && names.add(id.name)),
    TSPropertySignature: member,
    TSMethodSignature: member,
  })
  for (const path of globSync('packages/*/src/**/*.ts', { cwd: root })) {
    if (!path.includes('.test')) visitor.visit(parseSync(path, readFileSync(root + path, 'utf8')).program)
  }
  return names
}
