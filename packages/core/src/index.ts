export { createSessionManager } from './manager/store-manager.ts'
export type { CommitOptions, LoadOptions, SessionManager } from './manager/session-manager.ts'
export type { CacheOptions, MaxSessions, SessionManagerOptions } from './manager/store-options.ts'
export type { ManagerOptions } from './manager/options.ts'
export type { ForeignReader, ForeignSession } from './session/foreign-session.ts'
export type { CookieCandidate, Explanation, ExplanationFacts, SessionFacts } from './manager/explanation.ts'
export { logout, type LogoutOptions, type SiteData } from './manager/logout.ts'
export type { HeaderFields, NodeResponse, SessionHeaders } from './manager/session-headers.ts'
export type { InsecureReason, OnEvent, RejectionReason, RevokedBy, SessionEvent } from './manager/events.ts'
export type { Session, SessionData, SessionSummary } from './session/session.ts'
export {
  StepUpError,
  type Aal,
  type Authentication,
  type Freshness,
  type IdpSession,
  type LoginFacts,
  type StepUpFacts,
  type StepUpReason,
} from './session/authentication.ts'
export type { Duration, LifetimeOptions } from './session/lifetime.ts'
export type { Migrate } from './session/schema.ts'
export type { AtomicStore, Store, StoredRecord, UserIndexedStore } from './store/store.ts'
export type { CookieOptions } from './cookie/session-cookie.ts'
export type { SameSite } from './cookie/set-cookie.ts'
export type { SessionRequest } from './cookie/transport.ts'
export type { KeyUse } from './crypto/keyring.ts'
export type { ScheduledSecret, Secrets } from './crypto/secret-schedule.ts'
export type { SecretsProvider, SecretsSource } from './manager/key-provider.ts'
export type { SessionId, SessionToken } from './crypto/token.ts'
export { SessionError, type SessionErrorCode } from './errors.ts'
export { nist, type NistLevel } from './session/nist.ts'
export type { WatchableStore } from './store/watchable-store.ts'
export type { CookieDescription, NistDeviation, PolicyData, PolicyDescription } from './manager/describe.ts'
