import type { Demo } from '../server.ts'

type Init = NonNullable<Parameters<Demo['miniflare']['dispatchFetch']>[1]>
type Answer = Awaited<ReturnType<Demo['miniflare']['dispatchFetch']>>

/** Somebody with a cookie jar, who follows no redirect by himself. */
export interface Visitor {
  /** The cookies he holds, by name. */
  readonly jar: Map<string, string>
  send(path: string, init?: Init): Promise<Answer>
  /** The page at a path, as text. */
  read(path?: string): Promise<string>
  /** Posts a form as our own page would, and reads the page it leads to. */
  post(path: string, fields?: Record<string, string>): Promise<string>
}

export function createVisitor(demo: Demo, origin = 'https://coats.example'): Visitor {
  const jar = new Map<string, string>()

  async function send(path: string, init: Init = {}): Promise<Answer> {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = {
      ...(cookie === '' ? {} : { cookie }),
      ...(init.headers as Record<string, string> | undefined),
    }
    const answer = await demo.miniflare.dispatchFetch(`${origin}${path}`, {
      redirect: 'manual',
      ...init,
      headers,
    })
    for (const field of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(field) ?? []
      if (/; Max-Age=0(;|$)/.test(field)) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }

  async function read(path = '/'): Promise<string> {
    return (await send(path)).text()
  }

  async function post(path: string, fields: Record<string, string> = {}): Promise<string> {
    const headers = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await send(path, { method: 'POST', headers, body: new URLSearchParams(fields).toString() })
    if (answer.status !== 303)
      throw new Error(`POST ${path} answered ${answer.status}: ${await answer.text()}`)
    await answer.arrayBuffer()
    return read(answer.headers.get('location') ?? '')
  }

  return { jar, send, read, post }
}
