import { createSessionManager, type SessionManagerOptions, type Store } from '@coatcheck/core'

/** What a thief has to know of a manager to try something on it. */
export type Target = Pick<SessionManagerOptions<object>, 'secrets' | 'cookie' | 'now'>

/** No more of each are tried: some tests write thousands of records, all alike. */
const most = 32

/**
 * Tries everything that lies in a stolen store as a cookie: each JSON value and each word of 43 characters or more,
 * alone, and with each word that could be a proof behind it. Nothing of it may even lead to a question to a store.
 *
 * @param records Ids and payloads.
 * @returns How many values worked. They are not told: a test report is a log, too.
 */
export async function cookiesIn(records: Iterable<string>, targets: readonly Target[]): Promise<number> {
  const texts = [...new Set([...records].flatMap((record) => [record, ...textsIn(record)]))]
  const words = texts.filter((text) => /^[\w-]{43,}$/.test(text)).slice(0, most)
  const tokens = texts.filter((text) => /^[\w-]{43,}\./.test(text)).slice(0, most)
  const pairs = words.flatMap((id) => words.map((proof) => `${id}.${proof}`))
  const values = [...texts.slice(0, most), ...words, ...tokens, ...pairs]
  let worked = 0
  for (const { headers, leadsOn } of thieves(targets)) {
    for (const value of values) if (await leadsOn(headers(value))) worked++
  }
  return worked
}

/** How a cookie is tried on a manager. */
interface Thief {
  /** The value under every name that could be meant. */
  headers(value: string): string
  leadsOn(cookie: string): Promise<boolean>
}

/** One for each pair of secrets and cookie. */
function thieves(targets: readonly Target[]): Thief[] {
  const distinct = new Map(targets.map((target) => [JSON.stringify([target.secrets, target.cookie]), target]))
  return [...distinct.values()].flatMap(({ cookie, now, secrets }) => {
    let asked = 0
    const get = async (): Promise<null> => {
      asked++
      return null
    }
    const store: Store = { get, set: async () => {}, delete: async () => {} }
    const options = { secrets, store, onEvent() {}, ...(cookie && { cookie }), ...(now && { now }) }
    const manager = made(() => createSessionManager(options))
    if (manager === null) return []
    const prefixed = ['__Host-Http-sid', '__Secure-sid', cookie?.name ?? 'sid']
    const names = new Set(
      prefixed.flatMap((name) => [name, name.replace(/^__(?:Host-Http|[A-Z][a-z]+)-/, '')]),
    )
    return [
      {
        headers: (value) => [...names].map((name) => `${name}=${value}`).join('; '),
        async leadsOn(header) {
          const before = asked
          const headers = { get: (field: string) => (field === 'cookie' ? header : null) }
          const sessions = ['https://shop.test/', 'http://localhost/'].map((url) =>
            manager.load({ url, headers }),
          )
          const found = (await Promise.all(sessions)).some(({ isNew }) => !isNew)
          return found || asked > before
        },
      },
    ]
  })
}

/** Null where the options are refused: such a manager has no cookies. */
function made<Thing>(make: () => Thing): Thing | null {
  try {
    return make()
  } catch {
    return null
  }
}

/** The words of a payload, and the strings and keys in it. */
function textsIn(record: string): string[] {
  const words = record.match(/[\w-]{43,}(?:\.[\w-]{43,})?/g) ?? []
  const content: unknown = made(() => JSON.parse(record))
  return [...words, ...stringsIn(content)]
}

/** Every string in a value, its keys included. */
export function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return [...Object.keys(value), ...Object.values(value).flatMap(stringsIn)]
}
