// Counts the views of each visitor and keeps a file for each session: they outlive the process.
import express from 'express'
import sessionFileStore from 'session-file-store'
import session from '@coatcheck/adapters/express-session'

const port = process.env.PORT ?? 3000
const FileStore = sessionFileStore(session)
const app = express()

app.use(
  session({
    store: new FileStore({ path: process.env.SESSION_FOLDER ?? './sessions', ttl: 60 * 60 }),
    secret: process.env.SESSION_SECRET ?? 'a secret for trying out',
    resave: false,
    saveUninitialized: true,
  }),
)

app.get('/', (req, res) => {
  if (req.session.views) {
    req.session.views++
  } else {
    req.session.views = 1
  }
  res.send(`Views: ${req.session.views}`)
})

app.listen(port, (error) => {
  if (error) throw error
  console.log(`Listening on http://localhost:${port}`)
})
