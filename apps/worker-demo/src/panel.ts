import { html } from 'hono/html'
import type { Backstage } from './backstage.ts'
import { explain } from './explain.ts'
import type { Html } from './html.ts'
import type { LogLine } from './logbook.ts'
import { railCard } from './rail-card.ts'
import { ticketCard } from './ticket-card.ts'
import { billCard, modeCard } from './usage-card.ts'

export function panel(backstage: Backstage): Html {
  return html`<aside class="behind" aria-label="Behind the counter">
    ${modeCard(backstage)} ${ticketCard(backstage)} ${railCard(backstage)}
  </aside>`
}

/** What the last requests have cost, and what was decided. */
export function books(backstage: Backstage): Html {
  return html`${billCard(backstage)} ${logBook(backstage)}`
}

/** The events of this visitor, newest first. */
function logBook({ lines, requestId }: Backstage): Html {
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

function logLine({ at, event, mode, request }: LogLine, isThisRequest: boolean): Html {
  const time = at.toISOString()
  return html`<li class="${isThisRequest ? 'now' : ''}">
    <time datetime="${time}">${time.slice(11, 19)}</time>
    <span class="request">${request}</span>
    <span class="type">${event.type}</span>
    <span class="what">${explain(event, mode)}</span>
  </li>`
}
