import { maxCookieHeader } from '../cookie/cookie-header.ts'
import { mostParts, type PresentedCookie, type SplitCookie } from '../cookie/split-cookie.ts'
import type { Sealer } from '../crypto/sealer.ts'
import { decodeSealed, type SealedRecord } from '../session/sealed-record.ts'
import { run, wait, type Maybe, type Steps } from '../steps.ts'
import type { RejectionReason } from './events.ts'

/** A cookie that holds what it stands for, and who seals it. */
export interface SealedCarrier {
  readonly cookie: SplitCookie
  readonly sealer: Sealer
}

/** A sealed record that opened. */
export interface OpenedRecord extends SealedRecord {
  readonly keyIndex: number
}

/** What the cookies of a request amount to: a record, a refusal, or (`reason` null) none of ours at all. */
export type Reading = (
  | { readonly opened: OpenedRecord; readonly reason: null }
  | { readonly opened: null; readonly reason: RejectionReason | null }
) & { readonly presented: PresentedCookie }

const maxHeader = maxCookieHeader + mostParts * 4096
const absent: PresentedCookie = { isPresent: false, tooMany: false, values: [], parts: [] }

/** Finds the one sealed record under a cookie name. Grammar is checked before any cryptography, and both before any store call. */
export function readSealed(header: string, carrier: SealedCarrier): Maybe<Reading> {
  return run(read(header, carrier))
}

function* read(header: string, { cookie, sealer }: SealedCarrier): Steps<Reading> {
  if (header.length > maxHeader) return { opened: null, reason: 'oversized', presented: absent }
  const presented = cookie.read(header)
  const refuse = (reason: RejectionReason | null): Reading => ({ opened: null, reason, presented })
  if (!presented.isPresent) return refuse(null)
  if (presented.tooMany) return refuse('ambiguous')
  const records: OpenedRecord[] = []
  let isForged = false
  for (const value of presented.values) {
    const result = yield* wait(sealer.open(value))
    isForged ||= result === 'forged'
    if (typeof result === 'string') continue
    const record = decodeSealed(result.content)
    if (record === null) return refuse('unreadable')
    records.push({ ...record, keyIndex: result.keyIndex })
  }
  const [newest] = records.toSorted((a, b) => b.version - a.version || a.keyIndex - b.keyIndex)
  if (newest === undefined) return refuse(isForged ? 'forged' : 'malformed')
  // Which of two sessions comes first is the choice of whoever planted one: refuse both.
  if (records.some(({ id }) => id !== newest.id)) return refuse('ambiguous')
  return { opened: newest, reason: null, presented }
}
