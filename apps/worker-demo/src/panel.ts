import type { SessionId, StoredRecord } from '@coatcheck/core'
import { html, raw } from 'hono/html'
import { explain } from './explain.ts'
import type { Html } from './html.ts'
import type { LogLine } from './logbook.ts'

/** What the panel beside the page shows. */
export interface Backstage {
  readonly ticket: Ticket | null
  readonly id: SessionId | null
  readonly record: StoredRecord | null
  readonly lines: readonly LogLine[]
  /** The request that made this page, to mark its lines. */
  readonly requestId: string
}

/** The cookie, without the part of its value that makes it a credential. */
export interface Ticket {
  readonly name: string
  readonly id: SessionId
  /** The first characters only. The cookie is HttpOnly so that page scripts cannot read it, and a page can. */
  readonly proofStart: string
  readonly isNew: boolean
  readonly attributes: readonly string[]
}

export function panel(backstage: Backstage): Html {
  return html`<aside class="behind" aria-label="Behind the counter">
    ${ticketCard(backstage)} ${railCard(backstage)}
  </aside>`
}

function ticketCard({ id, ticket }: Backstage): Html {
  return html`<section class="card" aria-labelledby="ticket">
    <h2 id="ticket">The ticket <span class="soft">— what the cookie holds</span></h2>
    ${
      ticket
        ? paper(ticket)
        : html`<div class="ticket none">
            ${
              id === null
                ? 'No ticket: your browser keeps no cookie of ours.'
                : 'Your browser came with the number before this one, which is still honoured for a moment.'
            }
          </div>`
    }
  </section>`
}

function paper(ticket: Ticket): Html {
  return html`<div class="ticket-shadow">
      <div class="ticket">
        <div>
          <p class="label">id</p>
          <p class="no">№ <span>${ticket.id.slice(0, 6)}</span></p>
          <p class="whole mono">${ticket.id}</p>
        </div>
        <div class="stub">
          <p class="label">proof</p>
          <p class="proof">${ticket.proofStart}…</p>
          <p class="small">The rest stays secret.</p>
        </div>
      </div>
    </div>
    <p class="small soft">
      ${
        ticket.isNew
          ? 'Handed out with this very page.'
          : 'Shown by your browser with this request, and kept as it is.'
      }
      The id only names the record. The proof is what lets you in, and only the server’s secret can make one.
    </p>
    <dl class="said">
      ${[ticket.name, ...ticket.attributes, ...absent(ticket)].map(
        (said) =>
          html`<div>
            <dt>${said}</dt>
            <dd>${meaning(said, ticket)}</dd>
          </div>`,
      )}
    </dl>`
}

function absent({ attributes }: Ticket): string[] {
  const has = (name: string) => attributes.some((attribute) => attribute.startsWith(name))
  return ['Secure', 'Domain', 'Max-Age'].filter((name) => !has(name)).map((name) => `no ${name}`)
}

function meaning(said: string, ticket: Ticket): string {
  if (said === ticket.name) {
    return said.startsWith('__Host-')
      ? 'with this prefix browsers take the cookie only from a server, over https, for this host alone'
      : 'the name over plain http on localhost; over https it is __Host-Http-sid'
  }
  const [name = ''] = said.split('=')
  return meanings[name] ?? ''
}

const meanings: Readonly<Record<string, string>> = {
  HttpOnly: 'page scripts cannot read it',
  Secure: 'travels over https only',
  SameSite: 'stays behind when another site posts a form to us',
  Path: 'for every page here',
  'Max-Age': 'kept when the browser closes',
  Expires: 'kept when the browser closes',
  'no Secure': 'only because this is http on localhost',
  'no Domain': 'for this host, not for its neighbours',
  'no Max-Age': 'gone when the browser closes',
}

const hanger = raw(
  '<svg class="hanger" viewBox="0 0 136 52" aria-hidden="true"><path d="M60 15a8 8 0 1 1 10 8c-2 1-2 3-2 5L8 50h120L68 28"/></svg>',
)

function railCard({ id, record }: Backstage): Html {
  return html`<section class="card" aria-labelledby="rail">
    <h2 id="rail">The rail <span class="soft">— what the store holds</span></h2>
    <div class="rail">
      ${hanger}
      ${
        record === null
          ? html`<div class="coat empty">
              ${id === null ? 'Nothing hangs here for you.' : 'The record has gone.'}
            </div>`
          : coat(id, record)
      }
    </div>
    ${
      record &&
      html`<p class="small soft">
        Read back after this page was saved, this visit included. No proof hangs here: a stolen copy of the
        whole rail opens nothing.
      </p>`
    }
  </section>`
}

function coat(id: SessionId | null, record: StoredRecord): Html {
  const ends = new Date(record.expiresAt)
  const rows: ReadonlyArray<readonly [string, unknown]> = [
    ['key', html`session:${id}`],
    ['version', html`${record.version} <span class="soft">— one more with each write</span>`],
    [
      'userId',
      record.userId === null ? html`null <span class="soft">— nobody is signed in</span>` : record.userId,
    ],
    ['expiresAt', html`<time datetime="${ends.toISOString()}">${moment(ends)}</time>`],
  ]
  return html`<div class="coat">
    <dl class="said">
      ${rows.map(
        ([name, value]) =>
          html`<div>
            <dt class="key">${name}</dt>
            <dd class="mono"><bdi>${value}</bdi></dd>
          </div>`,
      )}
    </dl>
    <pre aria-label="payload">${pretty(record.payload)}</pre>
  </div>`
}

function moment(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

function pretty(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2)
  } catch {
    return payload
  }
}

/** The events of this visitor, newest first. */
export function logBook({ lines, requestId }: Backstage): Html {
  return html`<section class="card book" aria-labelledby="log">
    <h2 id="log">The log <span class="soft">— what coatcheck decided</span></h2>
    <p class="soft small">Your events only, newest first; those of this page are shaded.</p>
    ${
      lines.length === 0
        ? html`<p>Nothing yet.</p>`
        : html`<div class="scroll" role="region" tabindex="0" aria-labelledby="log">
            <ol class="log">
              ${lines.map((line) => logLine(line, line.requestId === requestId))}
            </ol>
          </div>`
    }
  </section>`
}

function logLine({ at, event, request }: LogLine, isThisRequest: boolean): Html {
  const time = at.toISOString()
  return html`<li class="${isThisRequest ? 'now' : ''}">
    <time datetime="${time}">${time.slice(11, 19)}</time>
    <span class="request">${request}</span>
    <span class="type">${event.type}</span>
    <span class="what">${explain(event)}</span>
  </li>`
}
