import type { ForeignReader, Session, SessionEvent } from '@coatcheck/core'
import { Hono } from 'hono'
import { session, type SessionVariables } from '@coatcheck/adapters/hono'
import type { Browser } from './browser.ts'
import { openCloakroom, type Goods } from './cloakroom.ts'
import { openSealed } from './sealed-cloakroom.ts'

/** A site without a network. */
export type Site = (request: Request) => Response | Promise<Response>

/** A site of ours, to which visitors of another library come. */
export interface NewSite {
  readonly site: Site
  readonly events: SessionEvent[]
  readonly now: () => number
  /** Lets time pass. */
  wait(milliseconds: number): void
  /** How often the reader was asked. */
  readonly asked: () => number
}

/** Opens a site whose sessions are in a store, in cookies with a revocation store, or in cookies alone. */
export function newSite(
  kind: 'a store' | 'cookies' | 'cookies alone',
  reader: ForeignReader<Goods>,
): NewSite {
  let asked = 0
  const counted: ForeignReader<Goods> = {
    ...reader,
    read(header, now) {
      asked++
      return reader.read(header, now)
    },
  }
  const options = { unsealForeign: [counted] }
  const room =
    kind === 'a store'
      ? openCloakroom(options)
      : openSealed({ ...options, ...(kind === 'cookies alone' && { revocation: 'none' }) })
  const app = new Hono<{ Variables: SessionVariables<Goods> }>().use(session(room.sessions))
  app.get('/', (c) => c.json(summaryOf(c.var.session)))
  app.get('/leave', (c) => {
    c.var.session.destroy()
    return c.text('Good-bye')
  })
  const { events, now, wait } = room
  return { site: (request) => app.fetch(request), events, now, wait, asked: () => asked }
}

/** What a page of the site tells. */
export interface Summary {
  readonly userId: string | null
  readonly at: number | null
  readonly handle: string | null
  readonly id: string | null
  readonly cart: string[] | null
}

function summaryOf(held: Session<Goods>): Summary {
  const { authenticatedAt, handle, id, userId } = held
  return { userId, at: authenticatedAt?.getTime() ?? null, handle, id, cart: held.get('cart') ?? null }
}

/** Visits its home page. */
export async function look({ site }: Pick<NewSite, 'site'>, browser: Browser): Promise<Summary> {
  return (await browser.receive(await site(browser.request())).json()) as Summary
}
