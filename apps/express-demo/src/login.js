// Signs visitors in and out. Both change the session: a new one at the login, none after the logout.
import express from 'express'
import session from '@coatcheck/adapters/express-session'

const port = process.env.PORT ?? 3000
const app = express()

app.use(express.urlencoded({ extended: false }))
app.use(
  session({
    secret: process.env.SESSION_SECRET ?? 'a secret for trying out',
    resave: false,
    saveUninitialized: false,
  }),
)

app.get('/', (req, res) => {
  if (req.session.user) {
    res.send('<p>You are signed in.</p><form method="post" action="/logout"><button>Sign out</button></form>')
  } else {
    res.send('<form method="post" action="/login"><input name="user"><button>Sign in</button></form>')
  }
})

app.get('/account', (req, res) => {
  if (!req.session.user) return res.redirect('/')
  res.json({ user: req.session.user, since: req.session.since })
})

// A real one checks a password first.
app.post('/login', (req, res, next) => {
  req.session.regenerate((error) => {
    if (error) return next(error)
    req.session.user = req.body.user
    req.session.since = new Date()
    req.session.save((failure) => {
      if (failure) return next(failure)
      res.redirect('/account')
    })
  })
})

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => {
    if (error) return next(error)
    res.clearCookie('connect.sid')
    res.redirect('/')
  })
})

app.listen(port, (error) => {
  if (error) throw error
  console.log(`Listening on http://localhost:${port}`)
})
