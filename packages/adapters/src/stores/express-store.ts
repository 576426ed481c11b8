/// <reference types="node" />
export { fromExpressStore } from './from-express-store.ts'
export { toExpressStore, type ToExpressStoreOptions } from './to-express-store.ts'
export { expressSessions, type ExpressSessionsOptions } from '../express-session/express-sessions.ts'
export type { LegacySession, LegacySessions, LegacyTicket } from '../frameworks/legacy-sessions.ts'
export type { AnyExpressStore, ExpressStore, SessionRecord } from '../express-session/store.ts'
