import { forged, newSession, pairsOf } from './cookies.ts'
import type { Lane } from './fetch-lane.ts'
import { cookieHeader } from './scenarios.ts'
import type { Subject } from './subjects/subject.ts'

/**
 * Makes sure that a subject does its work: finds its session, counts up, takes no changed cookie, keeps what there was
 * at a login. Throws a sentence, so that no number is of something broken.
 */
export async function checkSubject(subject: Subject, lane: Lane): Promise<void> {
  const expect = (what: string, seen: string, wanted: string): void => {
    if (seen !== wanted)
      throw new Error(`${subject.name}: ${what} answered '${seen}' instead of '${wanted}'.`)
  }
  const ask = async (path: string, pairs: string | null): Promise<{ text: string; pairs: string | null }> => {
    const { cookies, text } = await lane.ask(path, cookieHeader(pairs))
    const given = pairsOf(cookies)
    return { text, pairs: given === '' ? pairs : given }
  }
  expect('a route without session', (await ask('/none', null)).text, 'none')
  if (subject.role === 'floor') return expect('reading', (await ask('/read', null)).text, '1')
  const first = await newSession(lane)
  const other = await newSession(lane)
  expect('reading', (await ask('/read', first)).text, '1')
  const written = await ask('/write', first)
  expect('writing', written.text, '2')
  expect('reading what was written', (await ask('/read', written.pairs)).text, '2')
  expect('the session of another', (await ask('/read', other)).text, '1')
  expect('a request without a cookie', (await ask('/read', null)).text, 'none')
  expect('a changed cookie', (await ask('/read', forged(written.pairs!))).text, 'none')
  const signedIn = await ask('/login', written.pairs)
  expect('a login', signedIn.text, 'in')
  expect('reading after a login', (await ask('/read', signedIn.pairs)).text, '2')
  if (subject.keeps !== 'cookie' && !subject.name.startsWith('@hono/session')) {
    expect('the id of before a login', (await ask('/read', written.pairs)).text, 'none')
  }
  const large = await newSession(lane, '/new-large')
  expect('a session of 2 kB', (await ask('/read', large)).text, '1')
}
