// The README's table of stores says what each can do; each store says so itself, by the methods that it has.
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { durableObjectStore } from '@coatcheck/adapters/durable-object'
import { MemoryStore } from '@coatcheck/adapters/express-session'
import { fromExpressStore } from '@coatcheck/adapters/express-store'
import { fileStore } from '@coatcheck/adapters/file'
import { kvStore } from '@coatcheck/adapters/kv'
import { redisStore } from '@coatcheck/adapters/redis'
import { sqlStore } from '@coatcheck/adapters/sql'
import { unstorageStore } from '@coatcheck/adapters/unstorage'
import { upstashStore } from '@coatcheck/adapters/upstash'
import type { Store } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { createStorage } from 'unstorage'
import { expect, test } from 'vitest'
import manifest from '../../packages/adapters/package.json' with { type: 'json' }

/** Never called: only the methods that a store offers are looked at. */
const nothing = (): never => {
  throw new Error('This test asks no server.')
}

const stores: Readonly<Record<string, Store>> = {
  '@coatcheck/core/memory-store': memoryStore(),
  '@coatcheck/adapters/redis': redisStore({ hmGet: nothing, evalSha: nothing, eval: nothing }),
  '@coatcheck/adapters/upstash': upstashStore({ hmget: nothing, evalsha: nothing, eval: nothing }),
  '@coatcheck/adapters/sql': sqlStore({ dialect: 'sqlite', query: nothing }),
  '@coatcheck/adapters/durable-object': durableObjectStore({ idFromName: nothing, get: nothing }),
  '@coatcheck/adapters/file': fileStore(tmpdir()),
  '@coatcheck/adapters/express-store': fromExpressStore(new MemoryStore()),
  '@coatcheck/adapters/kv': kvStore({ get: nothing, put: nothing, delete: nothing }),
  '@coatcheck/adapters/unstorage': unstorageStore(createStorage()),
}

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const rows = [
  ...readme.matchAll(/^\|[^|]*\| `(?<door>@coatcheck[^`]*)` *\|(?<atomic>[^|]*)\|(?<index>[^|]*)\|/gm),
].map(({ groups = {} }) => ({ door: groups['door']!, atomic: groups['atomic']!, index: groups['index']! }))

test('every store has its row', () => {
  const doors = Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === 'object' && target.types.includes('/stores/'))
    .map(([door]) => `@coatcheck/adapters${door.slice(1)}`)
  expect(rows.map(({ door }) => door).toSorted()).toEqual(
    ['@coatcheck/core/memory-store', ...doors].toSorted(),
  )
  expect(Object.keys(stores).toSorted()).toEqual(rows.map(({ door }) => door).toSorted())
})

test.each(rows)('$door can what its row says', ({ atomic, door, index }) => {
  const store = stores[door]!
  expect('compareAndSet' in store).toBe(/^ *yes/.test(atomic))
  expect('listByUser' in store && 'deleteByUser' in store).toBe(/^ *yes/.test(index))
})
