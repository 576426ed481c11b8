// Counts the views of each page for each visitor, in Redis: they outlive the process.
import { RedisStore } from 'connect-redis'
import express from 'express'
import { createClient } from 'redis'
import session from '@coatcheck/adapters/express-session'

const port = process.env.PORT ?? 3000
const app = express()

const client = createClient({ url: process.env.REDIS_URL ?? 'redis://localhost:6379' })
client.on('error', (error) => console.error(error))
await client.connect()

app.use(
  session({
    store: new RedisStore({ client, prefix: 'demo:' }),
    secret: process.env.SESSION_SECRET ?? 'a secret for trying out',
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 24 * 60 * 60 * 1000 },
  }),
)

app.use((req, res, next) => {
  req.session.views ??= {}
  req.session.views[req.path] = (req.session.views[req.path] ?? 0) + 1
  next()
})

app.get('/', (req, res) => res.send(`Views of the front page: ${req.session.views['/']}`))
app.get('/about', (req, res) => res.send(`Views of this page: ${req.session.views['/about']}`))

app.listen(port, (error) => {
  if (error) throw error
  console.log(`Listening on http://localhost:${port}`)
})
