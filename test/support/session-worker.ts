// A Worker for the tests of the Durable Object store: it runs the contract, and any call that a test wants.
import {
  durableObjectStore,
  SessionObject,
  type SessionNamespace,
  type SessionObjectState,
} from '../../packages/adapters/src/stores/durable-object.ts'
import { createSessionManager, type SessionId } from '@coatcheck/core'
import { storeContract } from '@coatcheck/core/testing'

interface Env {
  readonly SESSIONS: SessionNamespace
}

/** What a test asks of the store, through `/call`. */
export interface StoreCall {
  readonly method: 'get' | 'set' | 'delete' | 'compareAndSet' | 'listByUser' | 'deleteByUser'
  readonly args: readonly unknown[]
  /** The store's clock, when it is not the real one. */
  readonly now?: number
}

/** What it is answered. */
export interface StoreAnswer {
  readonly value: unknown
  readonly error?: string
  /** The objects that were called, 'session' or 'user', and what they were asked. */
  readonly calls: readonly string[]
}

/** Lets a test see into an object, and wake it. */
export class Probe extends SessionObject {
  readonly #state: SessionObjectState

  constructor(state: SessionObjectState) {
    super(state)
    this.#state = state
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/wake') await this.alarm()
    else if (pathname === '/age') this.#age()
    else if (pathname !== '/probe') return super.fetch(request)
    const keys = [...this.#state.storage.kv.list({ prefix: '' })].map(([key]) => key)
    return Response.json({ keys, alarm: await this.#state.storage.getAlarm() })
  }

  /** Makes the entries of an index older by two minutes. */
  #age(): void {
    for (const [key, value] of this.#state.storage.kv.list({ prefix: 'entry:' })) {
      const entry = value as { enteredAt: number }
      this.#state.storage.kv.put(key, { ...entry, enteredAt: entry.enteredAt - 120_000 })
    }
  }
}

async function answer({ SESSIONS }: Env, { args, method, now }: StoreCall): Promise<StoreAnswer> {
  const calls: string[] = []
  const watched: SessionNamespace<{ name: string; id: unknown }> = {
    idFromName: (name) => ({ name, id: SESSIONS.idFromName(name) }),
    get: ({ id, name }) => ({
      fetch(url, init) {
        calls.push(`${name.split(':')[0]} ${new URL(url).pathname.slice(1)}`)
        return SESSIONS.get(id).fetch(url, init)
      },
    }),
  }
  const store = durableObjectStore(watched, now === undefined ? {} : { now: () => now })
  try {
    const given = await (store[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args)
    return { value: given instanceof Map ? [...given] : (given ?? null), calls }
  } catch (error) {
    return { value: null, error: String(error), calls }
  }
}

async function contract({ SESSIONS }: Env, actors: 2 | 3): Promise<{ ran: number; faults: string[] }> {
  const faults: string[] = []
  const cases = storeContract(() => durableObjectStore(SESSIONS, { timeout: 60_000 }), { actors })
  for (const { name, run } of cases) {
    await run().catch((error: unknown) => faults.push(`${name}: ${String(error)}`))
  }
  return { ran: cases.length, faults }
}

/** Revokes a user whose session is rotated just after the index has been read. @returns Whether it is gone. */
async function revokedWhileRotated({ SESSIONS }: Env): Promise<boolean> {
  const direct = durableObjectStore(SESSIONS)
  const [from, to] = ['from', 'to'].map((name) => name.padEnd(43, '_')) as [SessionId, SessionId]
  const record = { payload: '{}', expiresAt: Date.now() + 60_000, userId: 'ann', version: 1 }
  await direct.set(from, record)
  let rotated = false
  const meddled: SessionNamespace = {
    idFromName: (name) => SESSIONS.idFromName(name),
    get: (id) => ({
      async fetch(url, init) {
        const response = await SESSIONS.get(id).fetch(url, init)
        if (url.endsWith('/entries') && !rotated) {
          rotated = true
          await direct.set(to, record)
          await direct.compareAndSet(from, { ...record, userId: null, version: 2 }, 1)
        }
        return response
      },
    }),
  }
  await durableObjectStore(meddled).deleteByUser('ann')
  return rotated && (await direct.get(to)) === null
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/contract')
      return Response.json(await contract(env, searchParams.get('actors') === '3' ? 3 : 2))
    if (pathname === '/revocation') return Response.json(await revokedWhileRotated(env))
    if (pathname === '/call') return Response.json(await answer(env, (await request.json()) as StoreCall))
    if (pathname === '/object') {
      const stub = env.SESSIONS.get(env.SESSIONS.idFromName(searchParams.get('name')!))
      const given = await stub.fetch(`https://session.object/${searchParams.get('do')}`, {
        method: 'POST',
        body: '{}',
      })
      return new Response(await given.text(), { status: given.status })
    }
    const sessions = createSessionManager<{ count: number }>({
      secrets: ['kW8dX0p3Zr5vT9yLq2NbHc7JfGs4Ua6EoI1mPxRtYz8'],
      store: durableObjectStore(env.SESSIONS),
    })
    return sessions.handle(request, (session) => {
      if (pathname === '/count') session.update('count', (count) => (count ?? 0) + 1)
      return Response.json({ count: session.get('count') ?? 0, id: session.id satisfies SessionId | null })
    })
  },
}
