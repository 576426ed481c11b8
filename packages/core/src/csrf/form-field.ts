import type { CsrfRequest } from './request.ts'

const formType = /^\s*(?:application\/x-www-form-urlencoded|multipart\/form-data)\s*(?:;|$)/i

/**
 * The only value of a field in the form that a `Request` carries, read from a copy: the handler finds the body untouched.
 * Null when there is no form, no such field or more than one, or when the body has been read before.
 */
export async function formField(request: CsrfRequest, name: string): Promise<string | null> {
  if (!formType.test(request.headers.get('content-type') ?? '') || !isUnread(request)) return null
  const form = await request
    .clone()
    .formData()
    .catch(() => null)
  const [value, another] = form?.getAll(name) ?? []
  return typeof value === 'string' && another === undefined ? value : null
}

function isUnread(request: CsrfRequest): request is Request {
  return 'clone' in request && 'bodyUsed' in request && request.bodyUsed === false
}
