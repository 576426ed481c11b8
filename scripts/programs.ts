import { accessSync, constants } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** A program that tests drive and npm does not bring. */
export interface Program {
  /** What the tests need it for, to complete "… is needed for". */
  readonly use: string
  /** Names on the PATH, or absolute paths; the first one found is used. */
  readonly binaries: readonly string[]
  /** The package of Debian and Ubuntu. */
  readonly apt: string
  /** The service that the package starts at once, and that the tests do not use. */
  readonly service?: string
  /** How people install it who are not root on Debian. */
  readonly byHand: string
}

/** One row for each. */
export const programs = {
  chromium: {
    use: 'the browser tests',
    binaries: [
      'chromium',
      'chromium-browser',
      'google-chrome-stable',
      'google-chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
    apt: 'chromium',
    byHand: 'Debian: sudo apt-get install chromium; macOS: brew install --cask chromium; or install Chrome',
  },
  redis: {
    use: 'the tests of the Redis stores',
    binaries: ['redis-server', '/usr/bin/redis-server', '/opt/homebrew/bin/redis-server'],
    apt: 'redis-server',
    service: 'redis-server',
    byHand: 'Debian: sudo apt-get install redis-server; macOS: brew install redis',
  },
  mariadb: {
    use: 'the tests of the SQL store',
    binaries: ['mariadbd', '/usr/sbin/mariadbd', '/opt/homebrew/bin/mariadbd'],
    apt: 'mariadb-server',
    service: 'mariadb',
    byHand: 'Debian: sudo apt-get install mariadb-server; macOS: brew install mariadb',
  },
  openssl: {
    use: 'the tests over https, which make a certificate',
    binaries: ['openssl', '/usr/bin/openssl'],
    apt: 'openssl',
    byHand: 'Debian: sudo apt-get install openssl; macOS: it is there',
  },
} satisfies Record<string, Program>

/** The path of the first of these binaries that is installed, or null. */
export function findProgram(binaries: readonly string[]): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  for (const binary of binaries) {
    const candidates = isAbsolute(binary) ? [binary] : folders.map((folder) => join(folder, binary))
    const found = candidates.find(isExecutable)
    if (found !== undefined) return found
  }
  return null
}

/** The path of an installed program. Throws, saying how to install it, where there is none: no test is skipped for it. */
export function requireProgram(program: Program): string {
  const found = findProgram(program.binaries)
  if (found === null) throw new Error(howToInstall(program))
  return found
}

/** The sentence for people without the program. */
export function howToInstall(program: Program): string {
  return `${program.binaries[0]} is needed for ${program.use}. ${program.byHand}.`
}

/** Whether this is Debian or one of its children, and we may install. */
export function canInstall(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && findProgram(['apt-get']) !== null
}

/**
 * The shell line that installs the programs where `canInstall()`. Waits for another apt that is running. Servers that
 * their packages start are stopped again: the tests start their own.
 */
export function installCommand(missing: readonly Program[]): string {
  const apt = 'DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0'
  const packages = missing.map((program) => program.apt).join(' ')
  const services = missing.flatMap(({ service }) => (service === undefined ? [] : [service]))
  const stops = services.map((service) => `{ service ${service} stop >/dev/null 2>&1 || true; }`)
  const install = `${apt} update && ${apt} install -y --no-install-recommends ${packages} >/dev/null`
  return [install, ...stops].join(' && ')
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
