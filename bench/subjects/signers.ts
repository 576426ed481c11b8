// By what a cookie can be signed. The library's signer on Node is chosen by what these show, on the wire most of all.
import { createHmac, createSecretKey } from 'node:crypto'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { secret, type Maybe } from './subject.ts'

/** The HMAC-SHA-256 of an id, in base64url. */
export type Sign = (id: string) => Maybe<string>

const bytes = new Uint8Array(Buffer.from(secret))
const key = createSecretKey(bytes)

/** By node:crypto. */
export const signByNode: Sign = (id) => createHmac('sha256', key).update(id).digest('base64url')

const keyed = hmac.create(sha256, bytes)

/** By JavaScript that others have audited; the work that the key takes is done once. */
export const signByNoble: Sign = (id) => textOf(keyed.clone().update(Buffer.from(id, 'latin1')).digest())

const imported = crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])

/** By WebCrypto, which on Node waits for a thread. */
export const signByWebCrypto: Sign = async (id) =>
  textOf(new Uint8Array(await crypto.subtle.sign('HMAC', await imported, Buffer.from(id, 'latin1'))))

function textOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('base64url')
}
