import { chromium, type Browser } from 'playwright-core'
import { programs, requireProgram } from '../../scripts/programs.ts'

/**
 * Starts `CHROMIUM`, or the machine's own browser; throws a sentence that says how to get one.
 *
 * @param switches Further ones of its command line.
 */
export function launchChromium(...switches: string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] || requireProgram(programs.chromium),
    headless: true,
    chromiumSandbox: false,
    args: [
      ...switches,
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
    // People's browsers keep the last pages alive for the Back button; so must this one.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })
}
