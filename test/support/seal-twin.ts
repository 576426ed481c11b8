import { fromBase64url, toBase64url, utf8, type Bytes } from '../../packages/core/src/crypto/bytes.ts'

/** What a sealed token is made of; see `crypto/sealer.ts`, of which this is an independent twin on WebCrypto alone. */
export interface SealRecipe {
  readonly secret: string
  readonly purpose: string
  readonly audience: string
  readonly cookieName: string
}

/** What is not chosen at random or by the recipe. */
export interface SealChoices {
  readonly salt?: string
  readonly iv?: Bytes
  /** The JSON text of the protected header, whatever stands there. */
  readonly header?: (kid: string, salt: string) => string
}

/** What tokens call the secret: the first 9 bytes of an HMAC over nothing, under a key of its own. */
export async function kidOf(secret: string): Promise<string> {
  const name = await bitsOf(secret, utf8(''), 'coatcheck/v1/key-name', 256)
  const key = await crypto.subtle.importKey('raw', name, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(''))).slice(0, 9))
}

/** The key of the token with this salt, or a longer one out of the same derivation. */
export function contentKeyOf(recipe: SealRecipe, salt: string, bits = 256): Promise<Bytes> {
  const { secret, purpose, audience, cookieName } = recipe
  const context = JSON.stringify([purpose, audience, cookieName])
  return bitsOf(secret, fromBase64url(salt), `coatcheck/v1/${context}`, bits)
}

/** The header that a token has. */
export function rightHeader(kid: string, salt: string): string {
  return `{"alg":"dir","enc":"A256GCM","typ":"session+jwe","kid":"${kid}","salt":"${salt}"}`
}

/** A token by RFC 7516 §5.1, made by one who knows the secret. */
export async function sealByHand(
  recipe: SealRecipe,
  content: string,
  choices: SealChoices = {},
): Promise<string> {
  const salt = choices.salt ?? toBase64url(crypto.getRandomValues(new Uint8Array(16)))
  const iv = choices.iv ?? crypto.getRandomValues(new Uint8Array(12))
  const header = toBase64url(utf8((choices.header ?? rightHeader)(await kidOf(recipe.secret), salt)))
  const raw = await contentKeyOf(recipe, salt)
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt'])
  const algorithm = { name: 'AES-GCM', iv, additionalData: utf8(header), tagLength: 128 }
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, utf8(content)))
  return [
    header,
    '',
    toBase64url(iv),
    toBase64url(sealed.slice(0, -16)),
    toBase64url(sealed.slice(-16)),
  ].join('.')
}

/** What is in a token, by RFC 7516 §5.2; rejects when the recipe is not its own. */
export async function openByHand(recipe: SealRecipe, sealed: string): Promise<string> {
  const [header = '', encryptedKey, iv = '', ciphertext = '', tag = ''] = sealed.split('.')
  const { salt } = JSON.parse(new TextDecoder().decode(fromBase64url(header))) as { salt: string }
  if (encryptedKey !== '') throw new Error('has an encrypted key')
  const key = await crypto.subtle.importKey('raw', await contentKeyOf(recipe, salt), 'AES-GCM', false, [
    'decrypt',
  ])
  const algorithm = { name: 'AES-GCM', iv: fromBase64url(iv), additionalData: utf8(header), tagLength: 128 }
  const bytes = Uint8Array.from([...fromBase64url(ciphertext), ...fromBase64url(tag)])
  return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, bytes))
}

async function bitsOf(secret: string, salt: Bytes, info: string, bits: number): Promise<Bytes> {
  const base = await crypto.subtle.importKey('raw', utf8(secret), 'HKDF', false, ['deriveBits'])
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt, info: utf8(info) }
  return new Uint8Array(await crypto.subtle.deriveBits(derivation, base, bits))
}
