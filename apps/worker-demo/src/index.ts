import { session } from '@coatcheck/adapters/hono'
import type { Session } from '@coatcheck/core'
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { contextStorage } from 'hono/context-storage'
import { csrf } from 'hono/csrf'
import { etag } from 'hono/etag'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { garments, maxOfEach, withChange } from './cart.ts'
import { explanationPage } from './explanation.ts'
import { frame } from './frame.ts'
import { chooseMode, keepChoice } from './mode-choice.ts'
import { isMode, type Mode } from './mode.ts'
import { errorPage, goodbyePage, homePage, layout, lookPage, type Visitor } from './pages.ts'
import { createRevocation, createSessions, type DemoData, type Env, type Notice } from './sessions.ts'
import { icon, style, tornTicket } from './style.ts'
import { metered } from './usage.ts'

export { SessionObject } from '@coatcheck/adapters/durable-object'

const maxName = 40

const app = new Hono<{ Bindings: Env; Variables: { mode: Mode } }>()

app.use(
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
    xFrameOptions: 'DENY',
    // `no-referrer` would make browsers send `Origin: null` with our own forms.
    referrerPolicy: 'same-origin',
    // A promise for a whole host: on localhost it would bind every other program there.
    strictTransportSecurity: false,
  }),
)

// Static, and before the session: a stylesheet waits for no store and carries no cookie.
const forEveryone = { 'Cache-Control': 'public, max-age=300' }
app.get('/style.css', etag(), (c) =>
  c.body(style, 200, { ...forEveryone, 'Content-Type': 'text/css; charset=utf-8' }),
)
app.get('/icon.svg', etag(), (c) => c.body(icon, 200, { ...forEveryone, 'Content-Type': 'image/svg+xml' }))

app.use(async (c, next) => {
  // Every page is personal: after a sign-out, the Back button must not bring one up from a cache.
  c.header('Cache-Control', 'no-store')
  await next()
})
app.use(methodNotAllowed({ app, onMethodNotAllowed: wrongMethod }))
// Refuses forms of other sites before a session is loaded. Whatever is not a form cannot be sent across
// origins without a CORS preflight, which this Worker never grants.
app.use(csrf({ secFetchSite: ['same-origin', 'none'] }))
app.use(bodyLimit({ maxSize: 4096, onError: tooMuch }))
// Its own number for each request, never the client's; with the context at hand, events find their request.
app.use(requestId({ headerName: '' }), contextStorage(), chooseMode)

// Before the session: this page looks at the request, and changes nothing by it.
app.get('/explain', async (c) => {
  const explanation = await createSessions(c.env, c.var.mode, () => {}).explain(c.req.raw)
  return c.html(layout({ title: 'What coatcheck sees', main: explanationPage(explanation) }))
})

// An application of your own needs one of these, and `app.use(session(…))`.
const sessionIn = {
  store: session((env: Env) => createSessions(env, 'store')),
  cookie: session((env: Env) => createSessions(env, 'cookie')),
  hybrid: session((env: Env) => createSessions(env, 'hybrid')),
}
const sessionOfMode = createMiddleware<{
  Bindings: Env
  Variables: { mode: Mode; session: Session<DemoData> }
}>((c, next) => sessionIn[c.var.mode](c as Context, next))

const counter = app.use(frame).use(metered).use(sessionOfMode)

counter.get('/', (c) => {
  const { mode, session } = c.var
  // HEAD comes here too, and must change nothing.
  const isVisit = c.req.method === 'GET'
  if (isVisit) session.update('visits', (visits = 0) => visits + 1)
  const notice = isVisit ? session.takeFlash('notice') : undefined
  return c.render(homePage({ ...visitorOf(session), mode, notice }), { title: 'The counter' })
})

counter.get('/look', (c) => c.render(lookPage(visitorOf(c.var.session)), { title: 'Just looking' }))

counter.post('/mode', async (c) => {
  const wanted = await field(c, 'mode')
  if (!isMode(wanted)) c.var.session.flash('notice', refused('Sessions are in a store, a cookie, or both.'))
  else if (wanted !== c.var.mode) {
    // It could not be read there: nothing of it shall stay behind, in the browser or in the store.
    c.var.session.destroy()
    keepChoice(c, wanted)
  }
  return c.redirect('/', 303)
})

counter.post('/sign-in', async (c) => {
  const { session } = c.var
  const name = (await field(c, 'name')).replace(/[\p{Cc}\s]+/gu, ' ').trim()
  if (name === '') session.flash('notice', refused('Please tell us a name; any will do.'))
  else if (name.length > maxName)
    session.flash('notice', refused(`That name is too long for the ticket: ${maxName} letters at most.`))
  else {
    session.login(name)
    session.flash('notice', done(`Good to see you, ${name}.`))
  }
  return c.redirect('/', 303)
})

counter.post('/cart', async (c) => {
  const { session } = c.var
  const wanted = await field(c, 'garment')
  const change = await field(c, 'change')
  const garment = garments.find((known) => known === wanted)
  if (garment === undefined || (change !== 'add' && change !== 'remove')) {
    session.flash('notice', refused('We take coats, scarves and hats, one at a time.'))
    return c.redirect('/', 303)
  }
  const step = change === 'add' ? 1 : -1
  const count = (session.get('cart')?.[garment] ?? 0) + step
  if (count < 0) session.flash('notice', refused(`There is no ${garment} on your hook.`))
  else if (count > maxOfEach)
    session.flash('notice', refused(`The hook is full: ${maxOfEach} of a kind at most.`))
  else {
    session.update('cart', (cart) => withChange(cart, garment, step))
    session.flash('notice', done(step > 0 ? `We hung up your ${garment}.` : `Here is your ${garment} back.`))
  }
  return c.redirect('/', 303)
})

counter.post('/rotate', (c) => {
  c.var.session.rotate()
  c.var.session.flash('notice', done('The same coat, under a new number.'))
  return c.redirect('/', 303)
})

counter.post('/sign-out', (c) => {
  c.var.session.destroy()
  return c.redirect(`/goodbye?trace=${c.var.requestId}`, 303)
})

counter.post('/sign-out-everywhere', async (c) => {
  const { mode, session } = c.var
  if (mode === 'cookie' && session.userId !== null) {
    await createRevocation(c.env).revokeUser(session.userId)
    session.destroy()
    return c.redirect(`/goodbye?trace=${c.var.requestId}`, 303)
  }
  session.flash('notice', refused('That needs a signed-in visitor, and sessions in the cookie.'))
  return c.redirect('/', 303)
})

counter.get('/goodbye', (c) => {
  if (!c.var.session.isNew) return c.redirect('/', 303)
  c.header('Clear-Site-Data', '"cache"')
  // After a sign-out no id leads to its events any more; the number of that request does.
  return c.render(goodbyePage, { title: 'Goodbye', trace: c.req.query('trace') })
})

// Chromium (seen in 156) keeps even no-store pages alive for the Back button, also after a sign-out, until
// Clear-Site-Data tells it otherwise. Safari heeds that header on the goodbye page; Chromium clears what is kept
// already, and the page before is kept only once the goodbye page stands: so its picture says it again.
app.get('/torn-ticket.svg', (c) => {
  return c.body(tornTicket, 200, { 'Content-Type': 'image/svg+xml', 'Clear-Site-Data': '"cache"' })
})

app.notFound((c) => plain(c, 404, 'No such counter', 'There is nothing at this address.'))

app.onError((error, c) => {
  if (error instanceof HTTPException && error.status === 403) {
    const text =
      'It did not come from this page, so another site may have sent it in your name. Nothing was changed.'
    return plain(c, 403, 'This form was refused', text)
  }
  console.error(error)
  return plain(c, 500, 'The counter is closed for a moment', 'Something broke on our side. Please try again.')
})

function wrongMethod(c: Context, allowed: string[]): Response | Promise<Response> {
  c.header('Allow', allowed.join(', '))
  return plain(c, 405, 'Not at this counter', `This address answers ${allowed.join(' and ')} only.`)
}

function tooMuch(c: Context): Response | Promise<Response> {
  return plain(
    c,
    413,
    'That is too much',
    'What you sent is larger than any form of ours. A shorter name will do.',
  )
}

function plain(
  c: Context,
  status: 403 | 404 | 405 | 413 | 500,
  heading: string,
  text: string,
): Response | Promise<Response> {
  return c.html(layout({ title: heading, main: errorPage(heading, text) }), status)
}

function visitorOf(session: Session<DemoData>): Visitor {
  return {
    visits: session.get('visits') ?? 0,
    userId: session.userId,
    cart: session.get('cart') ?? {},
  }
}

/** A field of the posted form; empty when it is missing, a file, or not readable at all. */
async function field(c: Context, name: string): Promise<string> {
  const body: Record<string, unknown> = await c.req.parseBody().catch(() => ({}))
  const value = body[name]
  return typeof value === 'string' ? value : ''
}

function done(text: string): Notice {
  return { tone: 'done', text }
}

function refused(text: string): Notice {
  return { tone: 'refused', text }
}

export default app
