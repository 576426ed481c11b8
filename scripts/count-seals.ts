// Seals a text a million times, or as often as it is told, and counts nonces that came before:
// `node scripts/count-seals.ts 1000000`. Takes minutes, so no run of the tests includes it.
import { createKeyring } from '../packages/core/src/crypto/keyring.ts'
import { createSealer } from '../packages/core/src/crypto/sealer.ts'

const wanted = Number(process.argv[2] ?? 1_000_000)
const atOnce = 64

const secret = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
const context = { purpose: 'cookie-session', audience: 'count', cookieName: 'sid' } as const
const sealer = createSealer(createKeyring([secret]), context)

const nonces = new Set<string>()
let made = 0

await Promise.all(Array.from({ length: atOnce }, sealOn))

const repeats = made - nonces.size
console.log(`${made} seals, ${repeats} repeated nonces`)
if (made !== wanted || repeats > 0) process.exitCode = 1

async function sealOn(): Promise<void> {
  while (made < wanted) {
    made++
    const [, , nonce = ''] = (await sealer.seal('{"n":1}')).split('.')
    nonces.add(nonce)
  }
}
