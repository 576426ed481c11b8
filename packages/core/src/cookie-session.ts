export { createCookieSessionManager } from './manager/cookie-manager.ts'
export type { CookieSessionManagerOptions } from './manager/cookie-options.ts'
export {
  revocationStore,
  type Revocation,
  type RevocationOptions,
  type SealedReference,
} from './backend/revocation.ts'
