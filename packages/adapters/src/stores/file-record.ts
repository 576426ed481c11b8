/// <reference types="node" />
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { SessionId, StoredRecord } from '@coatcheck/core'
import { codeOf } from './file-lock.ts'

/** What lies under a name: a record, also an expired one; nothing; or a file that cannot be trusted. */
export type Found = StoredRecord | null | TornFile

/** Why a file is not taken for a record. */
export interface TornFile {
  readonly torn: string
}

const idGrammar = /^[A-Za-z0-9_-]{43}$/
const nameGrammar = /^[0-9a-f]{66}$/
const checksumLength = 64

/**
 * The file name of an id, in lower case: two ids that differ in case only are one file on macOS and Windows. The 44th
 * character makes whole bytes, so that each id has a name of its own.
 */
export function nameOf(id: SessionId): string {
  if (!idGrammar.test(id)) throw new Error(`${JSON.stringify(id)} is no session id, and becomes no file name`)
  return Buffer.from(`${id}A`, 'base64url').toString('hex')
}

/** The id of a file name, or null when it is none of ours. */
export function idOf(name: string): SessionId | null {
  if (!nameGrammar.test(name)) return null
  return Buffer.from(name, 'hex').toString('base64url').slice(0, 43) as SessionId
}

/** One line: the checksum of the rest, and the record as JSON; `null` stands where one was removed. */
export function encodeRecord(record: StoredRecord | null): string {
  const json = JSON.stringify(
    record && {
      version: record.version,
      expiresAt: record.expiresAt,
      userId: record.userId,
      payload: record.payload,
    },
  )
  return `${checksum(json)} ${json}\n`
}

/** Reads a record; null when there is no file, or the mark of a removed record. */
export async function readRecord(path: string): Promise<Found> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
  const json = text.slice(checksumLength + 1, -1)
  if (text !== `${checksum(json)} ${json}\n`) {
    return {
      torn: `${path} is damaged: its checksum does not fit; restore the file, or remove it to end the session`,
    }
  }
  return JSON.parse(json) as StoredRecord | null
}

/** Whether the file cannot be trusted. */
export function isTorn(found: Found): found is TornFile {
  return found !== null && 'torn' in found
}

/** The record, or null; throws when the file is torn: what is unknown is not "not there". */
export function whole(found: Found): StoredRecord | null {
  if (isTorn(found)) throw new Error(found.torn)
  return found
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex')
}
