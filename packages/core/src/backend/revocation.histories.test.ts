import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { newSessionId } from '../crypto/token.ts'
import { memoryStore } from '../memory-store.ts'
import type { SealedLine } from './revocation-record.ts'
import { noteLine } from './revocation-registry.ts'
import { revocationListOf, type RevocationList } from './revocation-list.ts'
import { revocationStore } from './revocation.ts'

const day = 86_400_000
const grace = 60_000
const noon = Date.UTC(2026, 10, 21, 12)
const offsets = [0, 5000, -5000]

/** What the model knows of a session: everything, for ever, and by the order of deeds instead of by clocks. */
interface Line {
  readonly owner: string | null
  readonly boundIn: number
  readonly heirs: Line[]
  ended: 'revoked' | 'superseded' | null
  spared: boolean
  /** How many step-ups there were. */
  era: number
  turns: number
  version: number
  /** Until when each turn of this era, and each version, passes. */
  passes: { turns: Map<number, number>; versions: Map<number, number> }
}

/** A cookie that was handed out, with what the model says of it. */
interface Cookie {
  readonly line: Line
  readonly era: number
  readonly sealed: SealedLine
}

class Model {
  readonly #cutIn = new Map<string, number>()
  readonly lines: Line[] = []
  #deeds = 0

  begin(owner: string | null): Line {
    const fates = { ended: null, spared: false, era: 0, turns: 0, version: 1 } as const
    const passes = { turns: new Map(), versions: new Map() }
    const line: Line = { owner, boundIn: ++this.#deeds, heirs: [], passes, ...fates }
    this.lines.push(line)
    return line
  }

  verdict({ era, line, sealed }: Cookie, now: number, strict: boolean): string {
    if (line.ended !== null) return line.ended
    if (line.boundIn < (this.#cutIn.get(line.owner ?? '') ?? 0) && !line.spared) return 'revoked'
    if (era !== line.era) return 'superseded'
    const rotated = sealed.turns < line.turns
    if (rotated && !((line.passes.turns.get(sealed.turns) ?? 0) > now)) return 'reused'
    const stale = strict && sealed.version < line.version
    if (stale && !((line.passes.versions.get(sealed.version) ?? 0) > now)) return 'replayed'
    return rotated || stale ? 'grace' : 'live'
  }

  end(line: Line): void {
    line.ended = 'revoked'
    for (const heir of line.heirs) this.end(heir)
  }

  cutOff(owner: string, spared: Line | null): void {
    for (const line of this.lines.filter((line) => line.owner === owner)) line.spared = line === spared
    this.#cutIn.set(owner, ++this.#deeds)
  }
}

const deeds = [
  'look',
  'look',
  'rotate',
  'rotate',
  'step up',
  'write',
  'log in',
  'log out',
  'revoke',
  'revoke others',
] as const
const users = ['ann', 'bob']

const history = fc.array(
  fc.record({
    deed: fc.constantFrom(...deeds),
    cookie: fc.nat(),
    user: fc.constantFrom(...users),
    host: fc.nat({ max: offsets.length - 1 }),
    wait: fc.oneof(
      { weight: 6, arbitrary: fc.nat({ max: grace }) },
      { weight: 1, arbitrary: fc.nat({ max: 3 * day }) },
    ),
  }),
  { minLength: 10, maxLength: 60 },
)

test.for([false, true])('a history of deeds leads where the model says (strict: %s)', async (strict) => {
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const time = { now: noon }
      const memory = memoryStore({ now: () => time.now })
      const model = new Model()
      const cookies: Cookie[] = []
      const hosts = offsets.map((off) => {
        const now = (): number => time.now + off
        const revocation = revocationStore(memory, { now })
        const parts = { now, onEvent: () => {}, rotationGrace: grace, absolute: 14 * day, strict }
        return { now, revocation, list: revocationListOf(revocation, parts) }
      })

      async function begin(list: RevocationList, now: number, owner: string | null): Promise<Cookie> {
        const id = newSessionId()
        const boundAt = owner === null ? now : await list.bind(owner)
        const place = { id, first: id, turns: 0, version: 1, handle: newSessionId() }
        const sealed = { ...place, owner, boundAt, until: now + 14 * day }
        return { line: model.begin(owner), era: 0, sealed }
      }

      for (const { cookie: pick, deed, host, user, wait } of steps) {
        time.now += wait
        const { list, now, revocation } = hosts[host]!
        if (cookies.length === 0 || pick % 5 === 0)
          cookies.push(await begin(list, now(), pick % 2 ? user : null))
        const cookie = cookies[pick % cookies.length]!
        const { line } = cookie
        const sealed = { ...cookie.sealed }
        if (sealed.until <= now()) continue
        const expected = model.verdict(cookie, now(), strict)
        const verdict = await list.judge(sealed)
        expect(verdict.state === 'refused' ? verdict.reason : verdict.state).toBe(expected)
        if (expected === 'reused') line.ended = 'revoked'
        if (deed === 'revoke') {
          await revocation.revokeUser(user)
          model.cutOff(user, null)
        }
        if (verdict.state === 'refused') continue
        const isLive = verdict.state === 'live'
        if (deed === 'log out') {
          await list.end(sealed)
          model.end(line)
        } else if (deed === 'revoke others' && line.owner !== null) {
          const session = { id: sealed.id, userId: line.owner }
          noteLine(session, sealed)
          await revocation.revokeOthers(session)
          model.cutOff(line.owner, line)
        } else if (deed === 'log in') {
          const next = await begin(list, now(), user)
          const outcome = await list.replace(sealed, next.sealed)
          expect(outcome).toBe(strict && sealed.version < line.version ? 'stale' : 'done')
          if (outcome === 'stale') continue
          line.ended = 'superseded'
          line.heirs.push(next.line)
          cookies.push(next)
        } else if (deed === 'write' && strict) {
          expect(await list.advance(sealed)).toBe(sealed.version < line.version ? 'stale' : 'done')
          if (sealed.version < line.version) continue
          line.passes.versions.set(line.version, now() + grace)
          line.version = sealed.version + 1
          cookies.push({ ...cookie, sealed: { ...sealed, version: line.version } })
        } else if ((deed === 'rotate' || deed === 'step up') && isLive) {
          // A visitor has nothing to step up from.
          const rotates = deed === 'rotate' || line.owner === null
          const turn = await list.move(sealed, newSessionId(), rotates ? now() + grace : 0)
          if (typeof turn === 'string') throw new Error(`a live session was ${turn}`)
          if (rotates) line.passes.turns.set(line.turns, now() + grace)
          else Object.assign(line, { era: line.era + 1, passes: { ...line.passes, turns: new Map() } })
          line.turns = rotates ? line.turns + 1 : 0
          line.passes.versions.set(line.version, now() + grace)
          line.version = sealed.version + 1
          cookies.push({ line, era: line.era, sealed: { ...sealed, ...turn, version: line.version } })
        }
      }
      for (const cookie of cookies) {
        for (const { list, now } of hosts) {
          if (cookie.sealed.until <= now()) continue
          const verdict = await list.peek(cookie.sealed)
          expect(verdict.state === 'refused' ? verdict.reason : verdict.state).toBe(
            model.verdict(cookie, now(), strict),
          )
        }
      }
    }),
    { seed: 2611, numRuns: 200 },
  )
})
