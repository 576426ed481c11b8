import type { ServerResponse } from 'node:http'

/** Sets the fields that `writeHead` was given: an object, a flat list of names and values, or a list of pairs. */
export function setFields(res: ServerResponse, fields: unknown): void {
  if (typeof fields !== 'object' || fields === null) return
  if (!Array.isArray(fields)) {
    for (const [name, value] of Object.entries(fields)) res.setHeader(name, value as string)
    return
  }
  const flat: unknown[] = Array.isArray(fields[0]) ? fields.flat(1) : fields
  const names = flat.filter((_, index) => index % 2 === 0).map(String)
  // A name may come twice in a list, but what was set before is replaced.
  for (const name of names) res.removeHeader(name)
  for (const [index, name] of names.entries()) res.appendHeader(name, flat[index * 2 + 1] as string)
}
