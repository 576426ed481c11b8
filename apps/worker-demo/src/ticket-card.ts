import { html } from 'hono/html'
import type { Backstage } from './backstage.ts'
import type { Html } from './html.ts'
import type { Ticket } from './ticket.ts'

/** What the cookies hold. */
export function ticketCard({ id, ticket }: Backstage): Html {
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
          ${ticket.proofStart === null ? sealedStub(ticket) : proofStub(ticket.proofStart)}
        </div>
      </div>
    </div>
    <p class="small soft">
      ${
        ticket.isNew
          ? 'Handed out with this very page.'
          : 'Shown by your browser with this request, and kept as it is.'
      }
      ${
        ticket.proofStart === null
          ? 'Encrypted, so that only the server’s secret can open it; the id above is from inside.'
          : 'The id only names the record. The proof is what lets you in, and only the server’s secret can make one.'
      }
    </p>
    <dl class="said">
      ${[ticket.name, ...ticket.attributes, ...absent(ticket)].map(
        (said) =>
          html`<div>
            <dt>${said}</dt>
            <dd>${meaning(said, ticket)}</dd>
          </div>`,
      )}
      ${ticket.snapshotOctets > 0 ? snapshotLine(ticket) : ''}
    </dl>`
}

function proofStub(proofStart: string): Html {
  return html`<p class="label">proof</p>
    <p class="proof">${proofStart}…</p>
    <p class="small">The rest stays secret.</p>`
}

function sealedStub({ octets }: Ticket): Html {
  return html`<p class="label">sealed</p>
    <p class="proof">${octets} B</p>
    <p class="small">The coat itself is in it.</p>`
}

function snapshotLine({ name, snapshotOctets }: Ticket): Html {
  return html`<div>
    <dt>${name}-cache</dt>
    <dd>
      the second cookie: ${snapshotOctets} bytes, a sealed copy of the record that saves the store a read
    </dd>
  </div>`
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
