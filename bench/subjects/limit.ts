// The hand-written minimum: what is left when a session library is taken away and only the work stays. No expiry,
// no rotation, no caching rules, no guard of sizes: not a product, but the bound of what one can reach.
import { createHmac, createSecretKey, randomFillSync, timingSafeEqual } from 'node:crypto'
import type { Goods } from '../scenarios.ts'
import { secret, type Routes } from './subject.ts'

/** Sessions as JSON texts in a Map, under signed ids. */
export interface LimitSessions {
  /** The id of a signed cookie, or null. */
  find(cookieHeader: string | null | undefined): string | null
  /** Makes a session. @returns The `Set-Cookie` field. */
  create(text: string): string
  readonly texts: Map<string, string>
}

/** What a limit needs of its host. */
export interface Head<Context> {
  cookie(context: Context): string | null | undefined
  setCookie(context: Context, field: string): void
}

const key = createSecretKey(Buffer.from(secret))
const pool = Buffer.alloc(4096)
let poolAt = pool.length

/** @param cached Whether tokens that were verified are remembered, 10,000 at most. */
export function limitSessions(cached: boolean): LimitSessions {
  const texts = new Map<string, string>()
  const verified = new Map<string, string>()

  function verify(token: string): string | null {
    if (cached) {
      const known = verified.get(token)
      if (known !== undefined) return known
    }
    const id = token.slice(0, 43)
    const proof = Buffer.from(token.slice(44), 'latin1')
    const expected = Buffer.from(sign(id), 'latin1')
    if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) return null
    if (cached) remember(token, id)
    return id
  }

  function remember(token: string, id: string): void {
    if (verified.size >= 10_000) verified.delete(verified.keys().next().value!)
    verified.set(token, id)
  }

  return {
    texts,
    find(header) {
      const start = header?.indexOf('sid=') ?? -1
      if (header === null || header === undefined || start === -1) return null
      const end = header.indexOf(';', start)
      return verify(header.slice(start + 4, end === -1 ? undefined : end))
    },
    create(text) {
      const id = newId()
      texts.set(id, text)
      return `sid=${id}.${sign(id)}; Path=/; HttpOnly; SameSite=Lax`
    },
  }
}

/** The routes of a limit. What is not asked for is not parsed. */
export function limitRoutes<Context>(sessions: LimitSessions, head: Head<Context>): Routes<Context> {
  const { texts } = sessions
  function textOf(context: Context): { id: string; text: string } | null {
    const id = sessions.find(head.cookie(context))
    const text = id === null ? undefined : texts.get(id)
    return id === null || text === undefined ? null : { id, text }
  }
  return {
    fill(context, goods) {
      head.setCookie(context, sessions.create(JSON.stringify(goods)))
      return 'new'
    },
    read(context) {
      const found = textOf(context)
      return found === null ? 'none' : `${(JSON.parse(found.text) as Goods).views}`
    },
    write(context) {
      const found = textOf(context)
      if (found === null) return 'none'
      const goods = JSON.parse(found.text) as { views: number }
      goods.views++
      texts.set(found.id, JSON.stringify(goods))
      return `${goods.views}`
    },
    login(context) {
      const found = textOf(context)
      if (found === null) return 'none'
      texts.delete(found.id)
      const goods = { ...(JSON.parse(found.text) as Goods), user: 'ada' }
      head.setCookie(context, sessions.create(JSON.stringify(goods)))
      return 'in'
    },
  }
}

function sign(id: string): string {
  return createHmac('sha256', key).update(id).digest('base64url')
}

function newId(): string {
  if (poolAt === pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  poolAt += 32
  return pool.toString('base64url', poolAt - 32, poolAt)
}
