// Counts the views of each visitor in a table of MySQL or MariaDB, next to a cookie of cookie-parser.
import cookieParser from 'cookie-parser'
import express from 'express'
import expressMySQLSession from 'express-mysql-session'
import session from '@coatcheck/adapters/express-session'

const port = process.env.PORT ?? 3000
const secret = process.env.SESSION_SECRET ?? 'a secret for trying out'
const MySQLStore = expressMySQLSession(session)
const app = express()

const store = new MySQLStore({
  host: process.env.MYSQL_HOST ?? 'localhost',
  port: process.env.MYSQL_PORT ?? 3306,
  user: process.env.MYSQL_USER ?? 'root',
  password: process.env.MYSQL_PASSWORD ?? '',
  database: process.env.MYSQL_DATABASE ?? 'test',
  clearExpired: true,
  checkExpirationInterval: 1000,
  expiration: 24 * 60 * 60 * 1000,
  createDatabaseTable: true,
  schema: {
    tableName: 'visits',
    columnNames: { session_id: 'visit_id', expires: 'ends_at', data: 'contents' },
  },
})

app.use(cookieParser(secret))
app.use(session({ store, secret, name: 'visit', resave: false, saveUninitialized: false }))

app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.cookie('last', String(req.session.views), { signed: true, httpOnly: true })
  res.send(`Views: ${req.session.views}, last time: ${req.signedCookies.last || 'none'}`)
})

// Without its table the program could answer nobody.
await store.onReady()
app.listen(port, (error) => {
  if (error) throw error
  console.log(`Listening on http://localhost:${port}`)
})
