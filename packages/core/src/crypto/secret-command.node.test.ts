import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createKeyring } from './keyring.ts'

const command = fileURLToPath(new URL('../../bin/coatcheck.js', import.meta.url))

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

test('ASVS-13.3.1 `coatcheck secret` prints one good secret and nothing else', () => {
  const { status, stdout, stderr } = run('secret')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  // 32 bytes fill 43 characters, of which the last carries four bits.
  expect(stdout).toMatch(/^[\w-]{42}[AEIMQUYcgkosw048]\n$/)
  expect(() => createKeyring([stdout.trimEnd()])).not.toThrow()
  expect(run('secret').stdout).not.toBe(stdout)
})

test.each(['--help', '-h'])('`coatcheck %s` says how it is used', (flag) => {
  const { status, stdout, stderr } = run(flag)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/^Usage: coatcheck secret\n/)
})

test.each([[[]], [['secrets']], [['SECRET']], [['secret', '64']], [['']]])(
  'what it does not know ends with 2 and prints nothing that could be taken for a secret: %j',
  (args) => {
    const { status, stdout, stderr } = run(...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage: coatcheck secret\n/)
  },
)

test('it can be run by its name', () => {
  expect(() => accessSync(command, constants.X_OK)).not.toThrow()
})
