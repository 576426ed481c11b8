// Methods of a session whose outcome nobody waits for: their failure is the failure of the request.
import { expect, test } from 'vitest'
import { dropIn, openPages, type Page } from './pages.ts'

const failing = (_sid: string, ...rest: readonly unknown[]): void => {
  const done = rest.at(-1) as (error: Error) => void
  setImmediate(done, new Error('The store is down.'))
}

const begin: Page = (req, res) => {
  req.session.views = 1
  res.send('Begun.')
}

const pages: Readonly<Record<string, Page>> = {
  '/': begin,
  '/destroy': (req, res) => {
    void req.session.destroy()
    res.redirect('/')
  },
  '/regenerate': (req, res) => {
    void req.session.regenerate()
    res.redirect('/')
  },
  '/save': (req, res) => {
    req.session.views = 2
    void req.session.save()
    res.redirect('/')
  },
}

test.for(['/destroy', '/regenerate', '/save'])('a failure at %s is a 500, with no cookie', async (path) => {
  const { visitor, watched } = await openPages(dropIn, pages)
  await visitor.read()
  Object.assign(watched.store, { destroy: failing, set: failing })
  const response = await visitor.visit(path)
  expect(response.status).toBe(500)
  expect(response.headers.getSetCookie()).toEqual([])
})
