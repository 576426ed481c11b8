import type { CommitOptions, Session, SessionEvent, SessionManager } from '@coatcheck/core'
import { Browser } from './browser.ts'
import type { CountingStore, Operation } from './counting-store.ts'

/** What one visit led to. */
export interface Visit<Value> {
  /** What the handler returned. */
  readonly value: Value
  readonly response: Response
  /** Our first `Set-Cookie`, or null. */
  readonly setCookie: string | null
  /** All `Set-Cookie` fields, in order. */
  readonly setCookies: readonly string[]
  readonly calls: readonly Operation[]
  readonly events: readonly SessionEvent[]
}

/** Ways to come to a manager whose store is counted. */
export interface CountedVisits<Data extends object> {
  /** One request from load to commit; the browser takes the cookies. */
  visit<Value>(
    browser: Browser,
    handler: (session: Session<Data>) => Value | Promise<Value>,
    request?: Request,
  ): Promise<Visit<Value>>
  /** The first half of a visit, for requests that run in parallel. */
  load(browser: Browser): Promise<Session<Data>>
  /** The second half. */
  commit(browser: Browser, session: Session<Data>, options?: CommitOptions): Promise<Visit<null>>
  /** A new visitor who has a session. */
  welcome(handler?: (session: Session<Data>) => void): Promise<Browser>
}

/** Visits to this manager, with what each did to its store, and which events it brought about. */
export function countedVisits<Data extends object>(
  sessions: SessionManager<Data>,
  store: CountingStore,
  events: readonly SessionEvent[],
): CountedVisits<Data> {
  /** Runs a step and gives what it did beside its result. */
  async function observed<Value>(
    step: () => Promise<{ value: Value; response: Response }>,
  ): Promise<Visit<Value>> {
    store.takeCalls()
    const before = events.length
    const { value, response } = await step()
    const setCookies = response.headers.getSetCookie()
    const seen = { calls: store.takeCalls(), events: events.slice(before) }
    return { value, response, setCookie: setCookies[0] ?? null, setCookies, ...seen }
  }

  const visits: CountedVisits<Data> = {
    visit: (browser, handler, request = browser.request()) =>
      observed(async () => {
        const results: Awaited<ReturnType<typeof handler>>[] = []
        const response = await sessions.handle(request, async (session) => {
          results.push(await handler(session))
          return new Response('Welcome')
        })
        return { value: results[0]!, response: browser.receive(response) }
      }),
    load: (browser) => sessions.load(browser.request()),
    commit: (browser, session, about) =>
      observed(async () => {
        const response = new Response('Welcome')
        const headers = await sessions.commit(session, about)
        headers.applyTo(response.headers)
        return { value: null, response: browser.receive(response) }
      }),
    async welcome(handler = (session) => session.login('ann')) {
      const browser = new Browser()
      await visits.visit(browser, handler)
      return browser
    },
  }
  return visits
}
