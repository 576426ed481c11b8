import type { Session, SessionManagerOptions } from '@coatcheck/core'
import type { MemoryStore } from '@coatcheck/core/memory-store'
import { Browser } from './browser.ts'
import { openCloakroom, type Cloakroom, type Goods } from './cloakroom.ts'
import { storeFault, type Fault } from './counting-store.ts'

/** A visitor at work, and a bystander with a session of his own or an older or newer cookie of the same. */
export interface FaultStage {
  /** Over the store that fails. */
  readonly room: Cloakroom<Goods>
  /** Over the same records, never failing. */
  readonly well: Cloakroom<Goods>
  readonly store: FailingStore
  readonly visitor: Browser
  readonly bystander: Browser
}

/** One thing that is done while the store fails. */
export interface Operation {
  readonly options?: Partial<SessionManagerOptions<Goods>>
  /** How the visitor has come by a session (default: has none). */
  readonly brings?: (session: Session<Goods>) => void
  /** The bystander has a jar of his own, with nothing in it (default: a copy of the visitor's). */
  readonly apart?: true
  /** What happens before the store begins to fail. */
  readonly prepare?: (stage: FaultStage) => unknown
  /** The request, or whatever calls the store. */
  readonly act: (stage: FaultStage) => Promise<unknown>
  /** What else the cookie may show after an error, because somebody else has changed the session meanwhile. */
  readonly between?: RegExp
  /** What else may be seen after a second try, when the first was done although it ended in an error. */
  readonly again?: RegExp
}

/** The memory store with all that it can do; each call of it can be made to fail. */
export interface FailingStore extends MemoryStore {
  /** Decides the fault of each call that follows, by its number, counted from 0. */
  failAt(decide: (index: number) => Fault): void
  /** How many calls there were since. */
  readonly calls: number
}

function failingStore(inner: MemoryStore): FailingStore {
  let decide: (index: number) => Fault = () => 'none'
  let calls = 0
  const failing = (method: (...args: unknown[]) => unknown) =>
    async function call(...args: unknown[]): Promise<unknown> {
      const fault = decide(calls++)
      if (fault === 'fails') throw storeFault
      const result = await method(...args)
      if (fault === 'does it, but reports failure') throw storeFault
      return result
    }
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'calls') return calls
      if (name === 'failAt') {
        return (next: typeof decide) => {
          decide = next
          calls = 0
        }
      }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? failing(value as (...args: unknown[]) => unknown) : value
    },
  }) as FailingStore
}

/** What a cookie shows: who is signed in, how, and what is kept. */
export async function shows(room: Cloakroom<Goods>, browser: Browser): Promise<string> {
  const session = await room.load(browser)
  if (session.isNew) return 'none'
  const data = session
    .keys()
    .toSorted()
    .map((key) => `${key}=${JSON.stringify(session.get(key))}`)
  const { actor, authentication, userId } = session
  return [userId ?? 'nobody', `aal ${authentication?.aal}`, `actor ${actor}`, ...data].join(', ')
}

/** Brings the visitor in. */
export async function setTheStage({ apart, brings, options, prepare }: Operation): Promise<FaultStage> {
  const { memory, reopen } = openCloakroom()
  const store = failingStore(memory)
  const well = reopen<Goods>({ ...options, store: memory })
  const room = reopen<Goods>({ ...options, store })
  const visitor = brings === undefined ? new Browser() : await well.welcome(brings)
  const stage = { room, well, store, visitor, bystander: apart ? new Browser() : visitor.copy() }
  await prepare?.(stage)
  return stage
}

/** Acts with a fault. @returns What it ended with: null, or the error. */
export async function perform(
  { act }: Operation,
  stage: FaultStage,
  faultAt: (index: number) => Fault,
): Promise<Error | null> {
  stage.store.failAt(faultAt)
  try {
    await act(stage)
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(`It threw ${String(error)}, which is no error.`)
  } finally {
    stage.store.failAt(() => 'none')
  }
}

/** What everybody sees when all goes well. */
export interface Course {
  readonly calls: number
  /** What the visitor's first cookie shows before. */
  readonly before: string
  /** What the same cookie shows afterwards. */
  readonly oldCookie: string
  /** What the visitor's cookie of afterwards shows. */
  readonly after: string
  readonly bystander: readonly [before: string, after: string]
}

/** Acts once without a fault. */
export async function courseOf(operation: Operation): Promise<Course> {
  const untouched = await setTheStage(operation)
  const before = await shows(untouched.well, untouched.visitor)
  const bystanderBefore = await shows(untouched.well, untouched.bystander)
  const stage = await setTheStage(operation)
  const old = stage.visitor.copy()
  let calls = 0
  const error = await perform(operation, stage, (index) => {
    calls = index + 1
    return 'none'
  })
  if (error !== null) throw error
  const { bystander, visitor, well } = stage
  return {
    calls,
    before,
    oldCookie: await shows(well, old),
    after: await shows(well, visitor),
    bystander: [bystanderBefore, await shows(well, bystander)],
  }
}
