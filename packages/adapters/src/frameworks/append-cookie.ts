import type { NodeResponse } from '@coatcheck/core'

/** Adds a `Set-Cookie` field beside those that are there. */
export function appendCookie(head: NodeResponse, field: string): void {
  const before = head.getHeader('Set-Cookie') ?? []
  head.setHeader('Set-Cookie', [...(Array.isArray(before) ? before : [String(before)]), field])
}
