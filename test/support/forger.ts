import { createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** What a proof is made of; see `crypto/token-signer.ts`, of which this is an independent twin. */
export interface ProofParts {
  readonly id: string
  readonly secret: string
  readonly cookieName?: string
  readonly purpose?: string
}

/** The proof that somebody could make who knows the secret. */
export function proofOf({
  cookieName = '__Host-Http-sid',
  id,
  purpose = 'session-token',
  secret,
}: ProofParts): string {
  const key = Buffer.from(hkdfSync('sha256', secret, '', `coatcheck/v1/${purpose}`, 32))
  return createHmac('sha256', key).update(`${purpose}\0${cookieName}\0${id}`).digest('base64url')
}

/** An id that no store has. */
export function strangeId(): string {
  return randomBytes(32).toString('base64url')
}
