// A process that writes one session after the other and tells of each when the store has acknowledged it.
import { makeStore } from './sql-databases.ts'
import { newId, recordOf } from './sql-records.ts'

const { store } = makeStore(JSON.parse(process.argv[2]!))
for (;;) {
  const id = newId()
  await store.set(id, recordOf({ userId: 'ann' }))
  process.send!(id)
  // Messages leave between turns of the event loop; a synchronous driver alone would never end its turn.
  await new Promise((resolve) => setImmediate(resolve))
}
