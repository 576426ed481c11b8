// The hand-written minimum: what is left when a session library is taken away and only the work stays. No expiry,
// no rotation, no caching rules, no guard of sizes: not a product, but the bound of what one can reach.
import { randomFillSync, timingSafeEqual } from 'node:crypto'
import type { Goods } from '../scenarios.ts'
import { signByNode, type Sign } from './signers.ts'
import { after, type Maybe, type Routes, type Text } from './subject.ts'

/** Sessions as JSON texts in a Map, under signed ids. */
export interface LimitSessions {
  /** The id of a signed cookie, or null. */
  find(cookieHeader: string | null | undefined): Maybe<string | null>
  /** Makes a session. @returns The `Set-Cookie` field. */
  create(text: string): Maybe<string>
  readonly texts: Map<string, string>
}

/** What a limit needs of its host. */
export interface Head<Context> {
  cookie(context: Context): string | null | undefined
  setCookie(context: Context, field: string): void
}

const pool = Buffer.alloc(4096)
let poolAt = pool.length

/** @param cached Whether tokens that were verified are remembered, 10,000 at most. */
export function limitSessions(cached: boolean, sign: Sign = signByNode): LimitSessions {
  const texts = new Map<string, string>()
  const verified = new Map<string, string>()

  function verify(token: string): Maybe<string | null> {
    if (cached) {
      const known = verified.get(token)
      if (known !== undefined) return known
    }
    const id = token.slice(0, 43)
    const proof = Buffer.from(token.slice(44), 'latin1')
    return after(sign(id), (made) => {
      const expected = Buffer.from(made, 'latin1')
      if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) return null
      if (cached) remember(token, id)
      return id
    })
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
      return after(sign(id), (proof) => `sid=${id}.${proof}; Path=/; HttpOnly; SameSite=Lax`)
    },
  }
}

/** The routes of a limit. What is not asked for is not parsed. */
export function limitRoutes<Context>(sessions: LimitSessions, head: Head<Context>): Routes<Context> {
  const { texts } = sessions
  /** Goes on with the id and the text of a session, or answers that there is none. */
  function found(context: Context, use: (id: string, text: string) => Text): Text {
    return after(sessions.find(head.cookie(context)), (id) => {
      const text = id === null ? undefined : texts.get(id)
      return id === null || text === undefined ? 'none' : use(id, text)
    })
  }
  const create = (context: Context, text: string, answer: string): Text =>
    after(sessions.create(text), (field) => {
      head.setCookie(context, field)
      return answer
    })
  return {
    fill: (context, goods) => create(context, JSON.stringify(goods), 'new'),
    read: (context) => found(context, (_, text) => `${(JSON.parse(text) as Goods).views}`),
    write: (context) =>
      found(context, (id, text) => {
        const goods = JSON.parse(text) as { views: number }
        goods.views++
        texts.set(id, JSON.stringify(goods))
        return `${goods.views}`
      }),
    login: (context) =>
      found(context, (id, text) => {
        texts.delete(id)
        const goods = { ...(JSON.parse(text) as Goods), user: 'ada' }
        return create(context, JSON.stringify(goods), 'in')
      }),
  }
}

function newId(): string {
  if (poolAt === pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  poolAt += 32
  return pool.toString('base64url', poolAt - 32, poolAt)
}
