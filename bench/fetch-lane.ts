// Without anything of Node: the worker uses it as well.
import type { App } from './subjects/subject.ts'

/** What came back. */
export interface Answer {
  readonly status: number
  readonly text: string
  /** The `Set-Cookie` fields. */
  readonly cookies: readonly string[]
}

/** One of the places where a request can be under way; a lane carries one at a time. */
export interface Lane {
  /** Sends a request and reads the answer to its end. @returns Its text; its status where that is not 200. */
  send(path: string, cookie: string): Promise<string>
  /** As `send`, and tells what the answer was. */
  ask(path: string, cookie: string): Promise<Answer>
}

const browser = 'Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36'
const accept = 'text/html,application/xhtml+xml,*/*;q=0.8'

/** What each request carries beside its cookie; `load.lua` sends the same. */
export const browserHeaders = { 'user-agent': browser, accept } as const

/** By `Request` and `Response`. */
export function fetchLane(fetch: NonNullable<App['fetch']>): Lane {
  const request = (path: string, cookie: string): Request =>
    new Request(`http://localhost${path}`, { headers: { ...browserHeaders, cookie } })
  return {
    async send(path, cookie) {
      const response = await fetch(request(path, cookie))
      const text = await response.text()
      return response.status === 200 ? text : `status ${response.status}`
    },
    async ask(path, cookie) {
      const response = await fetch(request(path, cookie))
      return {
        status: response.status,
        text: await response.text(),
        cookies: response.headers.getSetCookie(),
      }
    },
  }
}
