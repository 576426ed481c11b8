import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { demoFolder } from './program.ts'

const dropIn = '@coatcheck/adapters/express-session'

/** A folder inside the demo, where packages are found as in the demo; it goes when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const cache = join(demoFolder, '.cache')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'run-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Copies a program, changed by `change`. @returns The path of the copy. */
export async function copyOf(file: string, change: (code: string) => string = String): Promise<string> {
  const copy = join(await temporaryFolder(), basename(file))
  await writeFile(copy, change(await readFile(join(demoFolder, file), 'utf8')))
  return copy
}

/** Replaces what the program imports as its session; throws unless that changes one line. */
export function underExpressSession(code: string): string {
  const lines = code.split('\n')
  const imports = lines.filter((line) => line.includes(dropIn))
  if (imports.length !== 1) throw new Error(`${imports.length} lines name ${dropIn}.`)
  return lines.map((line) => line.replace(dropIn, 'express-session')).join('\n')
}
