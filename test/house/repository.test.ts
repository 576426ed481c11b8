import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What git has, and what the next commit would add. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  maxBuffer: 2 ** 26,
})
  .toString()
  .split('\n')
  .filter((path) => path !== '' && !/\.(png|ico|woff2?)$/.test(path))

const isLockfile = (path: string): boolean => path.endsWith('pnpm-lock.yaml')
const isCode = (path: string): boolean => /\.(ts|mjs|js)$/.test(path)
const isText = (path: string): boolean => !isLockfile(path)

// A bar in an example keeps this file from being its own fault.
const rules = [
  {
    name: 'no file names a registry or mirror',
    applies: () => true,
    pattern: /\b(?:registry|deb|security|mirrors?|cdn)\.(?:[\w-]+\.)+(?:org|com|dev|io|net)\b|^\s+tarball:/m,
    wrong: ['https://registry.|npmjs.org/hono', 'http://deb.|debian.org', '    tarball|: https://a.b/c.tgz'],
  },
  {
    name: 'no file names a path of the machine it was written on',
    applies: () => true,
    pattern: /(?<![\w.*}-])\/(?:work|root|home|farm|Users|tmp)\/[\w.]/,
    wrong: ['cd /|work/main', "'/|home/me/x'", 'file:///|tmp/a'],
  },
  {
    name: 'no test is left out or alone',
    applies: isCode,
    pattern: /\b(?:it|test|describe|suite|bench)(?:\.\w+)*\.(?:only|skip|todo|fails|skipIf|runIf)\b|\bskip\(/,
    wrong: ['test|.only(', 'describe.concurrent.|skip|(', 'test|.skipIf(', 'context.skip|()'],
  },
  {
    name: 'nothing is left to do in a comment',
    applies: isText,
    pattern: /\b(?:TODO|FIXME|XXX)(?![|)])\b/,
    wrong: ['// TO|DO: later', '/* FIX|ME */'],
  },
]

test('the rules are held against the files that are there', () => {
  expect(files).toContain('package.json')
  expect(files).toContain('test/runtimes/pnpm-lock.yaml')
})

describe.each(rules)('$name', ({ applies, pattern, wrong }) => {
  test('holds in this repository', () => {
    const faults = files.filter(applies).flatMap((path) => {
      const found = pattern.exec(readFileSync(root + path, 'utf8'))
      return found === null ? [] : [`${path}: ${found[0].trim()}`]
    })
    expect(faults).toEqual([])
  })

  test.each(wrong)('finds %s', (text) => {
    expect(text.replaceAll('|', '')).toMatch(pattern)
  })
})
