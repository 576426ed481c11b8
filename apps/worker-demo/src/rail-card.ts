import type { SessionId, StoredRecord } from '@coatcheck/core'
import { html, raw } from 'hono/html'
import type { Backstage } from './backstage.ts'
import type { Html } from './html.ts'

const hanger = raw(
  '<svg class="hanger" viewBox="0 0 136 52" aria-hidden="true"><path d="M60 15a8 8 0 1 1 10 8c-2 1-2 3-2 5L8 50h120L68 28"/></svg>',
)

/** What the store holds. */
export function railCard(backstage: Backstage): Html {
  return html`<section class="card" aria-labelledby="rail">
    <h2 id="rail">The rail <span class="soft">— what the store holds</span></h2>
    ${backstage.mode === 'cookie' ? sealedRail(backstage) : storedRail(backstage)}
  </section>`
}

function storedRail({ id, record }: Backstage): Html {
  return html`<div class="rail">
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
    }`
}

function sealedRail({ id, data }: Backstage): Html {
  return html`<div class="rail">
      ${hanger}
      <div class="coat empty">
        Nothing hangs here for you${id === null ? '' : ': your coat is in your cookie'}.
      </div>
    </div>
    <p class="small soft">
      The store only has a list of what has ended, since a cookie cannot be called back. Nothing on that list
      opens a session.
    </p>
    ${
      id &&
      html`<h3>In the cookie, once opened</h3>
        <div class="coat"><pre aria-label="data">${JSON.stringify(data, null, 2)}</pre></div>`
    }`
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
