import { html } from 'hono/html'
import type { Backstage } from './backstage.ts'
import type { Html } from './html.ts'
import { modes, type Mode } from './mode.ts'
import type { Total, Usage } from './usage.ts'

const about: Readonly<Record<Mode, string>> = {
  store:
    'The record is in the store, and the cookie only names it. Each request with a session reads the store once.',
  cookie:
    'The session itself is in the cookie, encrypted. The store only knows which sessions have ended; one read asks it.',
  hybrid:
    'The record is in the store, and a sealed copy of it in a second cookie. For 60 seconds reads ask no store; what another place ended meanwhile is noticed only then.',
}

/** Where the sessions are, the switch, and what the request at hand has cost. */
export function modeCard({ mode, requestId, usage }: Backstage): Html {
  const own = usage.find((one) => one.requestId === requestId)
  return html`<section class="card" aria-labelledby="mode">
    <h2 id="mode">The setting <span class="soft">— where sessions are kept</span></h2>
    <form class="modes" method="post" action="/mode" aria-labelledby="mode">
      ${modes.map(
        (name) =>
          html`<button name="mode" value="${name}" ${name === mode ? html`aria-current="true"` : ''}>
            ${name}
          </button>`,
      )}
    </form>
    <p>${about[mode]}</p>
    <p class="small soft">Another setting begins a new session, and you sign in again.</p>
    ${own && meters(own)}
  </section>`
}

function meters({ calls, sent, set }: Usage): Html {
  return html`<h3>This page took</h3>
    <dl class="meters">
      <div>
        <dt>store calls</dt>
        <dd id="store-calls">${calls.length}</dd>
        <dd class="small soft" id="store-operations">${operations(calls)}</dd>
      </div>
      <div>
        <dt>cookie bytes sent</dt>
        <dd id="bytes-sent">${sent}</dd>
        <dd class="small soft">by your browser</dd>
      </div>
      <div>
        <dt>cookie bytes set</dt>
        <dd id="bytes-set">${set}</dd>
        <dd class="small soft">by this answer</dd>
      </div>
    </dl>`
}

/** What the visitor's last requests have cost, and all requests in comparison. */
export function billCard({ requestId, totals, usage }: Backstage): Html {
  return html`<section class="card book" aria-labelledby="bill">
    <h2 id="bill">The bill <span class="soft">— what sessions cost</span></h2>
    <div class="bills">
      <table id="requests">
        <caption>
          Your last requests, newest first
        </caption>
        ${heading('Request')}
        <tbody>
          ${usage.slice(0, 8).map((one) => usageRow(one, one.requestId === requestId))}
        </tbody>
      </table>
      <table id="totals">
        <caption>
          On average, over the last hundred requests of everybody here
        </caption>
        ${heading('Setting')}
        <tbody>
          ${modes.map((mode) => totalRow(mode, totals))}
        </tbody>
      </table>
    </div>
    <p class="soft small">
      Bytes are those of the session’s cookies, as name=value. “Just look” reads the session and changes
      nothing: try it under each setting.
    </p>
  </section>`
}

function heading(subject: string): Html {
  return html`<thead>
    <tr>
      <th scope="col">${subject}</th>
      <th scope="col">Store calls</th>
      <th scope="col">Bytes sent</th>
      <th scope="col">Bytes set</th>
    </tr>
  </thead>`
}

function usageRow({ calls, request, sent, set }: Usage, isThisRequest: boolean): Html {
  return html`<tr class="${isThisRequest ? 'now' : ''}">
    <th scope="row">
      <span class="mono">${request}</span> <span class="soft operations">${operations(calls)}</span>
    </th>
    <td>${calls.length}</td>
    <td>${sent}</td>
    <td>${set}</td>
  </tr>`
}

function totalRow(mode: Mode, totals: readonly Total[]): Html {
  const total = totals.find((one) => one.mode === mode)
  const each = (sum: number, digits = 0): string => (total ? (sum / total.requests).toFixed(digits) : '–')
  return html`<tr>
    <th scope="row">${mode} <span class="soft">${total ? `× ${total.requests}` : 'not yet'}</span></th>
    <td>${each(total?.calls ?? 0, 1)}</td>
    <td>${each(total?.sent ?? 0)}</td>
    <td>${each(total?.set ?? 0)}</td>
  </tr>`
}

/** `1 get, 2 compareAndSet` */
function operations(calls: readonly string[]): string {
  const counts = Map.groupBy(calls, (call) => call)
  return [...counts].map(([name, { length }]) => `${length} ${name}`).join(', ') || 'no call'
}
