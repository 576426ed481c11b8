import { once } from 'node:events'
import { createSessionManager, type Store } from '@coatcheck/core'
import { hammerOptions, storeOf, type HammerData, type HammerOrder } from './hammer-store.ts'

/** Makes the requests, one after the other. @returns How many replays they took. */
async function strike({ cookie, name, rounds }: HammerOrder, store: Store): Promise<number> {
  let conflicts = 0
  const sessions = createSessionManager<HammerData>(
    hammerOptions(store, (event) => {
      if (event.type === 'conflict') conflicts++
    }),
  )
  for (let round = 0; round < rounds; round++) {
    const session = await sessions.load(new Request('https://shop.test/', { headers: { cookie } }))
    if (session.isNew) throw new Error(`In round ${round} of ${name} the session was gone.`)
    session.update('sum', (sum) => (sum ?? 0) + 1)
    session.set(`${name}-${round}`, round)
    await sessions.commit(session)
  }
  return conflicts
}

const order = JSON.parse(process.argv[2]!) as HammerOrder
const { close, store } = await storeOf(order.storeModule, order.argument)
const told = once(process, 'message')
const tell = (message: unknown): void => void process.send?.(message)
tell('ready')
await told
tell(await strike(order, store))
await close()
process.disconnect?.()
