#!/usr/bin/env node
// `coatcheck secret` prints one secret and nothing else, so that its output can go where the secret is kept.
import { randomBytes } from 'node:crypto'

const usage = `Usage: coatcheck secret

Prints a good secret for the option \`secrets\`: 32 random bytes, in base64url.

  coatcheck secret | npx wrangler secret put SESSION_SECRET
  echo "SESSION_SECRET=$(coatcheck secret)" >> .env
`

const [command, ...rest] = process.argv.slice(2)

if (command === 'secret' && rest.length === 0) {
  console.log(randomBytes(32).toString('base64url'))
} else if (command === '--help' || command === '-h') {
  process.stdout.write(usage)
} else {
  process.stderr.write(usage)
  process.exitCode = 2
}
