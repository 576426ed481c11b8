import type { Explanation } from '@coatcheck/core'
import { html } from 'hono/html'
import type { Html } from './html.ts'

/** What `sessions.explain` says of the visitor's own request. */
export function explanationPage({ sentences, ...facts }: Explanation): Html {
  return html`<section class="card" aria-labelledby="sees">
    <h1 id="sees">What coatcheck sees</h1>
    <p class="soft small">
      This page asked <code>sessions.explain(request)</code> about your request. It loads no session, writes
      nothing and sets no cookie.
    </p>
    <ol class="sees">
      ${sentences.map((sentence) => html`<li>${sentence}</li>`)}
    </ol>
    <h2>The same as data</h2>
    <div class="coat"><pre>${JSON.stringify(facts, null, 2)}</pre></div>
    <p><a class="button" href="/">Back to the counter</a></p>
  </section>`
}
