// Seals or opens, with the built package, on one runtime: `sealed.mjs seal <rows>` prints the tokens of rows like those of
// vectors/sealed.json, `sealed.mjs open <rows>` what is in them. In workerd, `worker` does the same.
import { createKeyring } from '../../packages/core/dist/crypto/keyring.js'
import { createSealer } from '../../packages/core/dist/crypto/sealer.js'

const work = {
  seal: ({ content, ...row }) => sealerOf(row).seal(content),
  open: async ({ token, ...row }) => {
    const opened = await sealerOf(row).open(token)
    return opened.content ?? opened
  },
}

// No default export: Bun would start a server for it.
export const worker = {
  async fetch(request) {
    const { command, rows } = await request.json()
    return Response.json(await Promise.all(rows.map(work[command])))
  },
}

const [, , command, rows] = globalThis.process?.argv ?? []
if (command in work) console.log(JSON.stringify(await Promise.all(JSON.parse(rows).map(work[command]))))

function sealerOf({ secret, purpose, audience, cookieName }) {
  return createSealer(createKeyring([secret]), { purpose, audience, cookieName })
}
