import { html, raw } from 'hono/html'
import { garments, type Cart, type Garment } from './cart.ts'
import type { Html } from './html.ts'
import type { Mode } from './mode.ts'
import type { Notice } from './sessions.ts'

export interface Layout {
  readonly title: string
  readonly main: Html
  readonly aside?: Html
  readonly below?: Html
}

export function layout({ title, main, aside, below }: Layout): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title} · coatcheck</title>
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <header class="top">
          <a class="wordmark" href="/"><img src="/icon.svg" alt="" width="32" height="32" />coatcheck</a>
          <p class="soft">A session is your coat. The cookie is only the ticket.</p>
        </header>
        ${
          aside
            ? html`<div class="columns">
                <main class="front">${main}</main>
                ${aside}${below}
              </div>`
            : html`<main class="alone">${main}</main>`
        }
        <footer class="foot soft small">
          A demo: any name will do, and no script runs on these pages.
          <a href="/explain">What coatcheck sees in your request</a>
        </footer>
      </body>
    </html>`
}

/** What the session says of a visitor. */
export interface Visitor {
  readonly visits: number
  readonly userId: string | null
  readonly cart: Cart
}

/** What the page in front of the counter shows. */
export interface Visit extends Visitor {
  readonly mode: Mode
  readonly notice: Notice | undefined
}

export function homePage({ visits, userId, cart, mode, notice }: Visit): Html {
  return html`${notice && noticeLine(notice)}
    <section class="card" aria-labelledby="welcome">
      <h1 id="welcome">${userId === null ? 'Welcome' : html`Welcome, <bdi>${userId}</bdi>`}</h1>
      <div class="visits">
        <p class="number"><output id="visits">${visits}</output></p>
        <p>${visits === 1 ? 'visit' : 'visits'} to this page so far.</p>
        <p class="soft small">Reload it, and the number grows.</p>
      </div>
      <p class="row">
        <a class="button" href="/">Visit again</a> <a class="button quiet" href="/look">Just look</a>
      </p>
      <p class="soft small">
        Sessions are kept by the setting “${mode}”: <a href="#mode">change it and compare</a>
      </p>
    </section>
    <section class="card" aria-labelledby="hook">
      <h2 id="hook">On your hook</h2>
      <ul class="garments">
        ${garments.map((garment) => garmentLine(garment, cart[garment] ?? 0))}
      </ul>
    </section>
    ${userId === null ? signInCard : signedInCards(userId, mode)} ${rotateCard}`
}

/** A page that reads the session and changes nothing. */
export function lookPage({ visits, userId, cart }: Visitor): Html {
  const hung = garments.map((garment) => cart[garment] ?? 0).reduce((sum, count) => sum + count)
  return html`<section class="card" aria-labelledby="look">
    <h1 id="look">Just looking</h1>
    <p>
      ${userId === null ? 'Nobody is signed in' : html`<bdi>${userId}</bdi> is signed in`}; visits so far:
      <output id="visits">${visits}</output>; on your hook: <output id="hung">${hung}</output>.
    </p>
    <p class="soft small">
      This page reads the session and changes nothing, so it shows what a mere read costs.
    </p>
    <p class="row">
      <a class="button" href="/look">Look again</a> <a class="button quiet" href="/">Back to the counter</a>
    </p>
  </section>`
}

function noticeLine({ tone, text }: Notice): Html {
  return html`<p class="notice ${tone}" role="${tone === 'refused' ? 'alert' : 'status'}">
    ${text}<small>A flash message: kept for one page, gone with the next.</small>
  </p>`
}

const icons: Readonly<Record<Garment, Html>> = {
  coat: raw(
    '<svg viewBox="0 0 36 36" aria-hidden="true"><path d="M14 5h8l7 5 2 14-4 1-2-8v15H11V17l-2 8-4-1 2-14zM14 5l4 7 4-7M18 12v20M21 18h.100M21 23h.100"/></svg>',
  ),
  scarf: raw(
    '<svg viewBox="0 0 36 36" aria-hidden="true"><path d="M13 14l-3 15h7l2-14M19 15l4 12h6l-5-14M11 29v3M14 29v3M16 29v3M24 27v3M28 27v3M9 10c0-5 18-5 18 0s-18 6-18 0z"/></svg>',
  ),
  hat: raw(
    '<svg viewBox="0 0 36 36" aria-hidden="true"><path d="M10 24V14c0-6 16-6 16 0v10M4 24c3-2 25-2 28 0 1 3-3 5-14 5S3 27 4 24zM10 20c5 2 11 2 16 0"/></svg>',
  ),
}

function garmentLine(garment: Garment, count: number): Html {
  return html`<li class="${count > 0 ? 'hanging' : ''}">
    ${icons[garment]}
    <span class="name">${garment === 'scarf' ? 'Scarves' : `${garment === 'coat' ? 'Coat' : 'Hat'}s`}</span>
    <form class="stepper" method="post" action="/cart">
      <input type="hidden" name="garment" value="${garment}" />
      <button class="step" name="change" value="remove" aria-label="Take back a ${garment}">−</button>
      <output>${count}</output>
      <button class="step" name="change" value="add" aria-label="Hand over a ${garment}">+</button>
    </form>
  </li>`
}

const signInCard = html`<section class="card" aria-labelledby="sign-in">
  <h2 id="sign-in">Sign in</h2>
  <p class="soft small">
    Any name, no password. Watch the ticket: its number changes, so a number that somebody knew before is
    worthless.
  </p>
  <form class="row" method="post" action="/sign-in">
    <div class="grow">
      <label for="name">Your name</label>
      <input type="text" id="name" name="name" required maxlength="40" autocomplete="off" />
    </div>
    <button class="button">Sign in</button>
  </form>
</section>`

function signedInCards(userId: string, mode: Mode): Html {
  return html`<section class="card" aria-labelledby="sign-out">
      <h2 id="sign-out">Sign out</h2>
      <p class="soft small">
        You are signed in as <bdi>${userId}</bdi>. Signing out
        ${
          mode === 'cookie'
            ? 'notes in the store that the session has ended, so that a copy of the cookie is worthless too.'
            : 'deletes the record and takes the cookie back.'
        }
      </p>
      <form method="post" action="/sign-out"><button class="button">Sign out</button></form>
    </section>
    <section class="card" aria-labelledby="devices">
      <h2 id="devices">Your devices</h2>
      ${mode === 'cookie' ? sealedDevices : storedDevices}
    </section>`
}

const sealedDevices = html`<p class="soft small">
    There is no list to show: a sealed session is in its own browser and nowhere else. All of them can be
    ended all the same. The store notes the moment, and what was sealed for this name before it is refused.
  </p>
  <form method="post" action="/sign-out-everywhere">
    <button class="button quiet">Sign out everywhere</button>
  </form>`

const storedDevices = html`<p class="soft small">
  There is no list to show: Workers KV, which keeps the records of this demo, cannot find them by user. Over
  Durable Objects, SQL or Redis, <code>createUserSessions(store)</code> lists them and ends them.
</p>`

const rotateCard = html`<section class="card" aria-labelledby="rotate">
  <h2 id="rotate">A new number</h2>
  <p class="soft small">The same coat under another number: the data stay, the id and the cookie change.</p>
  <form method="post" action="/rotate"><button class="button quiet">Change the ticket</button></form>
</section>`

export const goodbyePage = html`<section class="card" aria-labelledby="goodbye">
  <img class="torn" src="/torn-ticket.svg" alt="" width="220" height="110" />
  <h1 id="goodbye">Goodbye</h1>
  <p>
    Your coat is off the rail and the ticket is torn up. Going back in your browser shows nothing of it
    either.
  </p>
  <p><a class="button" href="/">Come in again</a></p>
</section>`

export function errorPage(heading: string, text: string): Html {
  return html`<section class="card" aria-labelledby="error">
    <h1 id="error">${heading}</h1>
    <p>${text}</p>
    <p><a class="button" href="/">Back to the counter</a></p>
  </section>`
}
