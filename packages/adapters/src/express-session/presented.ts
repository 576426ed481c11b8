import depd from 'depd'
import type { Policy } from './options.ts'
import type { SessionedRequest } from './request.ts'
import { readSessionIds, unsign, type Secret, type SignedId } from './signature.ts'

const deprecate = depd('express-session')

const none: readonly SignedId[] = []

/** The sessions that a request names by signed cookies, in order; what cookie-parser has taken comes last. */
export function presentedIds(
  req: SessionedRequest,
  { compat, name }: Policy,
  secrets: readonly Secret[],
): readonly SignedId[] {
  const header = req.headers.cookie ?? ''
  const ids = header === '' ? none : readSessionIds(header, name, secrets)
  if (ids.length > 0 || compat === 2) return ids
  const parsed = fromCookieParser(req, name, secrets)
  if (parsed === null) return ids
  deprecate('cookie should be available in req.headers.cookie')
  return [parsed]
}

function fromCookieParser(req: SessionedRequest, name: string, secrets: readonly Secret[]): SignedId | null {
  const signed = req.signedCookies?.[name]
  // cookie-parser has checked the signature, by a secret of its own.
  if (typeof signed === 'string' && signed !== '') return { sid: signed, keyIndex: 0 }
  const raw = req.cookies?.[name]
  return typeof raw === 'string' && raw.startsWith('s:') ? unsign(raw.slice(2), secrets) : null
}
