// Counts the views of each visitor, in the memory of the process: a restart forgets them all.
import express from 'express'
import session from '@coatcheck/adapters/express-session'

const port = process.env.PORT ?? 3000
const app = express()

app.use(
  session({
    secret: process.env.SESSION_SECRET ?? 'a secret for trying out',
    resave: false,
    saveUninitialized: true,
    cookie: { maxAge: 60 * 60 * 1000 },
  }),
)

app.get('/', (req, res) => {
  if (req.session.views) {
    req.session.views++
  } else {
    req.session.views = 1
  }
  res.type('html')
  res.write(`<p>Views: ${req.session.views}</p>`)
  res.write(`<p>Your session ends in ${Math.round(req.session.cookie.maxAge / 60_000)} minutes.</p>`)
  res.end()
})

app.listen(port, (error) => {
  if (error) throw error
  console.log(`Listening on http://localhost:${port}`)
})
