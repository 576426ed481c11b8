import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from 'redis'
import { startRedis } from '../test/support/redis-server.ts'
import { byHost } from './in-process.ts'
import type { Plan } from './plan.ts'
import { rowOf, type PartRows, type RedisRow, type WireRow } from './results.ts'
import { scenarioOf } from './scenarios.ts'
import { startSubjects, type SubjectChild } from './subject-child.ts'
import { redisSubjects } from './subjects/index.ts'
import { loadScenario } from './wire.ts'

const loaded = ['read', 'write'] as const
const counted = ['no cookie', 'forged', 'new visitor', 'read', 'write', 'login'] as const
/** So many requests are watched; an average shows what happens now and then only. */
const watched = 60

/** Measures each subject over a Redis of its own making: the load that it bears, and what it asks of the server. */
export async function measureRedis(plan: Plan): Promise<PartRows['redis']> {
  await using server = await startRedis()
  const load: WireRow[] = []
  const commands: RedisRow[] = []
  for (const [host, subjects] of byHost(redisSubjects.filter((subject) => plan.chosen(subject)))) {
    plan.say(`Redis, ${host}: ${subjects.map(({ name }) => name).join(', ')}`)
    const env = { BENCH_REDIS: server.url }
    const served = await startSubjects(plan.first, subjects, 'redis', 'sockets', env)
    for (const child of served) {
      if (child.subject.keeps === 'redis') commands.push(...(await countCommands(child, server.url, plan)))
    }
    for (const name of loaded) load.push(...(await loadScenario(plan, scenarioOf(name), served)))
    for (const child of served) child.end()
  }
  return { load, commands }
}

/** Counts by MONITOR, in which the server tells what clients sent from what scripts did. */
async function countCommands(child: SubjectChild, url: string, plan: Plan): Promise<RedisRow[]> {
  const client = await createClient({ url }).connect()
  let seen: string[] = []
  await client.monitor((line) => {
    const [, source, name = ''] = /^\S+ \[\d+ ([^\]]+)\] "([^"]+)"/.exec(line) ?? []
    if (source !== 'lua') seen.push(name.toLowerCase())
  })
  const rows: RedisRow[] = []
  for (const scenario of counted) {
    await child.prepare(scenario, { ...plan.pace, warmUp: 0 })
    await child.ready(scenario, watched)
    // What a library does not wait for is still on its way.
    await wait(50)
    seen = []
    await child.oneByOne(scenario, watched)
    await wait(50)
    const calls = Object.groupBy(seen, (name) => name)
    const commands = Object.entries(calls).map(([name, all = []]) => [name, all.length / watched])
    rows.push({ ...rowOf(child.subject), scenario, commands: Object.fromEntries(commands) })
  }
  client.destroy()
  return rows
}
