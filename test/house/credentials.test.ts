// What no source may do with credentials, whoever writes it: make them from weak randomness, compare them by ===, or
// hand them to browsers.
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseSync, Visitor, type ESTree } from 'rolldown/utils'
import { describe, expect, test } from 'vitest'
import adapters from '../../packages/adapters/package.json' with { type: 'json' }

const root = fileURLToPath(new URL('../..', import.meta.url))
const core: typeof adapters = JSON.parse(readFileSync(`${root}packages/core/package.json`, 'utf8'))

const sources = new Map(
  globSync('packages/*/src/**/*.ts', { cwd: root })
    .filter((path) => !/\.test(-d)?\.ts$/.test(path))
    .map((path) => [path, readFileSync(root + path, 'utf8')]),
)

const secretName = /(?:token|proof|secret|signature|hmac|mac|digest)$/i
const comparesTexts = /^(?:includes|indexOf|lastIndexOf|startsWith|endsWith|localeCompare|equals)$/

describe('ASVS-7.2.3 ASVS-11.5.1 randomness comes from the runtime’s secure source', () => {
  holds(weakRandomness)
  refuses(weakRandomness, [
    'const id = Math.random()',
    "const id = Math['random']()",
    'const { random } = Math',
    'const id = crypto.randomUUID()',
    "import { randomUUID } from 'node:crypto'",
  ])
  allows(weakRandomness, ['crypto.getRandomValues(new Uint8Array(32))', 'randomText(32)', 'Math.max(1, 2)'])
})

describe('ASVS-11.2.4 no secret is compared by a time that tells of it', () => {
  holds(timingLeaks)
  refuses(timingLeaks, [
    'if (token === other) x()',
    'if (other != request.proof) x()',
    'if (csrfToken === sent) x()',
    'if (await sign(id) === presentedSignature) x()',
    'known.includes(token)',
    'secret.startsWith(guess)',
    'expected.equals(mac)',
    'switch (token) { case other: }',
  ])
  allows(timingLeaks, [
    'if (token === null || proof !== undefined) x()',
    "if (typeof secret !== 'string') x()",
    "if (token === '') x()",
    'if (token.length === other.length) x()',
    "text.includes('token')",
    'crypto.subtle.verify(algorithm, key, proof, message)',
  ])
})

describe('ASVS-11.2.1 cryptography is the runtime’s own', () => {
  test('no package of ours depends on another implementation', () => {
    // jose brings none: it works on WebCrypto.
    expect(Object.keys(core.dependencies).toSorted()).toEqual(['@standard-schema/spec', 'jose'])
    expect(Object.keys(adapters.dependencies).toSorted()).toEqual(['@coatcheck/core', 'depd'])
  })
})

describe('ASVS-7.2.1 nothing is made for browsers to verify', () => {
  test.for([core, adapters])('no door of $name has a variant for browsers', (manifest) => {
    expect(Object.keys(manifest)).not.toContain('browser')
    for (const exports of [manifest.exports, manifest.publishConfig.exports]) {
      const conditions = Object.values(exports).flatMap((target) =>
        typeof target === 'object' ? Object.keys(target) : [],
      )
      expect(new Set([...conditions, 'coatcheck-source'])).toEqual(
        new Set(['coatcheck-source', 'types', 'default']),
      )
    }
  })

  test('no script of ours is for pages: none has a document or a window', () => {
    const pages = [...sources].filter(([, source]) =>
      finds(source, {
        Identifier: (node) => ['document', 'window', 'localStorage', 'sessionStorage'].includes(node.name),
      }),
    )
    expect(pages.map(([path]) => path)).toEqual([])
  })
})

type Rule = (source: string) => boolean
type Questions = {
  readonly [Kind in ESTree.Node['type']]?: (node: Extract<ESTree.Node, { type: Kind }>) => boolean
}

/** Whether the answer is yes for some node of the source. */
function finds(source: string, questions: Questions): boolean {
  let found = false
  const visitor = Object.entries(questions).map(([kind, question]) => [
    kind,
    (node: never) => void (found ||= question(node)),
  ])
  const { errors, program } = parseSync('source.ts', source)
  if (errors[0] !== undefined) throw new Error(errors[0].message)
  new Visitor(Object.fromEntries(visitor)).visit(program)
  return found
}

function weakRandomness(source: string): boolean {
  return finds(source, {
    // The name is enough: nobody calls anything else like that.
    Identifier: ({ name }) => name === 'randomUUID' || name === 'random',
    Literal: ({ value }) => value === 'randomUUID' || value === 'random',
  })
}

function timingLeaks(source: string): boolean {
  return finds(source, {
    BinaryExpression: ({ left, operator, right }) =>
      /^[!=]==?$/.test(operator) && left.type !== 'PrivateIdentifier' && isLeak(left, right),
    CallExpression: ({ arguments: [argument], callee }) =>
      callee.type === 'MemberExpression' &&
      comparesTexts.test(lastName(callee)) &&
      argument !== undefined &&
      argument.type !== 'SpreadElement' &&
      isLeak(callee.object, argument),
    SwitchStatement: ({ discriminant }) => isSecret(discriminant),
  })
}

/** A comparison with a constant tells nothing that is not in the source. */
function isLeak(one: ESTree.Expression | ESTree.Super, other: ESTree.Expression | ESTree.Super): boolean {
  const isConstant = [one, other].some(
    (node) => node.type === 'Literal' || (node.type === 'Identifier' && node.name === 'undefined'),
  )
  return !isConstant && (isSecret(one) || isSecret(other))
}

function isSecret(node: ESTree.Expression | ESTree.Super): boolean {
  return secretName.test(lastName(node))
}

/** 'c' of `c` and of `a.b.c`. */
function lastName(node: ESTree.Expression | ESTree.Super): string {
  if (node.type === 'Identifier') return node.name
  if (node.type !== 'MemberExpression' || node.property.type !== 'Identifier') return ''
  return node.property.name
}

function holds(rule: Rule): void {
  test('holds in every source', () => {
    expect(sources.size).toBeGreaterThan(50)
    expect([...sources].filter(([, source]) => rule(source)).map(([path]) => path)).toEqual([])
  })
}

function refuses(rule: Rule, wrong: readonly string[]): void {
  test.each(wrong)('finds %s', (source) => {
    expect(rule(source)).toBe(true)
  })
}

function allows(rule: Rule, right: readonly string[]): void {
  test.each(right)('allows %s', (source) => {
    expect(rule(source)).toBe(false)
  })
}
