/** A Lua script with its digest, by which a server that has seen it knows it. */
export interface RedisScript {
  readonly text: string
  /** Null until it has been made. */
  readonly digest: string | null
  makeDigest(): Promise<string>
}

/** The scripts of the Redis stores. */
export type RedisScripts = { readonly [name in keyof typeof texts]: RedisScript }

/** How long the server keeps what has expired, so that clocks which differ by seconds do no harm. In milliseconds. */
export const slack = 60_000

// `now` is the store's clock, not the server's: all of core goes by one clock. Nothing is written to a key that is
// not in KEYS or derived from one there, so a client's own key prefix holds for all of them. What scripts share is put
// into their texts: a function would be made anew at each call.

/** Puts a session into a user's index, drops those that ended long ago, and lets the index live as long as its last session. */
const indexAdd = (key: string): string => `
  redis.call('ZADD', ${key}, 'GT', expiresAt, id)
  redis.call('ZREMRANGEBYSCORE', ${key}, '-inf', now - ${slack})
  local last = redis.call('ZRANGE', ${key}, -1, -1, 'WITHSCORES')[2]
  if last then redis.call('PEXPIREAT', ${key}, string.format('%.0f', last + ${slack})) end`

/** The fields of a record; those that it lacks are false. */
const load = (key: string): string =>
  `unpack(redis.call('HMGET', ${key}, 'version', 'expiresAt', 'userId', 'write'))`

/** Tells of a record that is gone, or that is nobody's, to those who wait for the end of a session; '' is no channel. */
const announce = `if channel ~= '' then redis.call('PUBLISH', channel, id) end`

const texts = {
  /**
   * KEYS: session, and where it is to be in step the next user's index. ARGV: now, expected version or '' for any,
   * id, 'together' or 'apart', channel, and unless the record is to go: the name of this write, expiresAt, until when
   * the key is kept, version, payload, and the user if there is one. Gives 1, or 0 when the version is another.
   *
   * ioredis and Upstash's client send a command again when its answer was lost. By its name the write is known to
   * have been done, so that it is not taken for a lost race, replayed, and counted twice.
   */
  write: `
local now, expected, id, index, channel, write, expiresAt, keptUntil, version, payload, userId = unpack(ARGV)
local stored, storedUntil, owner, lastWrite = ${load('KEYS[1]')}
if write and write == lastWrite then return 1 end
local live = stored and tonumber(storedUntil) > tonumber(now)
if expected ~= '' and expected ~= (live and stored or '0') then return 0 end
if write then
  redis.call('HSET', KEYS[1], 'payload', payload, 'expiresAt', expiresAt, 'version', version, 'write', write)
  if userId then redis.call('HSET', KEYS[1], 'userId', userId)
  elseif owner then redis.call('HDEL', KEYS[1], 'userId') end
  redis.call('PEXPIREAT', KEYS[1], keptUntil)
else
  redis.call('DEL', KEYS[1])
end
if owner and owner ~= userId and index == 'together' then
  redis.call('ZREM', KEYS[1]:sub(1, -#id - 1) .. 'user' .. owner, id)
end
if userId and index == 'together' then ${indexAdd('KEYS[2]')}
end
if stored and not userId then ${announce} end
return 1`,

  /** KEYS: a user's index. ARGV: now, id, expiresAt. */
  index: `
local now, id, expiresAt = unpack(ARGV) ${indexAdd('KEYS[1]')}
return 1`,

  /** KEYS: a user's index. ARGV: ids that are gone. Gives the ids that are left. */
  list: `
for _, id in ipairs(ARGV) do redis.call('ZREM', KEYS[1], id) end
return redis.call('ZRANGE', KEYS[1], 0, -1)`,

  /** KEYS: session. ARGV: now, user, id, channel. Gives 2 when a live record of the user was removed, 1 when nothing is left, 0 when it is another's. */
  revoke: `
local now, user, id, channel = unpack(ARGV)
local stored, storedUntil, owner = ${load('KEYS[1]')}
if stored and owner ~= user then return 0 end
redis.call('DEL', KEYS[1])
if stored then ${announce} end
return stored and tonumber(storedUntil) > tonumber(now) and 2 or 1`,

  /** KEYS: a user's index. ARGV: now, user, the id to keep or '', channel. Gives how many live records were removed. */
  revokeAll: `
local now, user, except, channel = unpack(ARGV)
local base = KEYS[1]:sub(1, -#('user' .. user) - 1)
local removed = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if id ~= except then
    local stored, storedUntil, owner = ${load('base .. id')}
    if stored and owner == user then
      if tonumber(storedUntil) > tonumber(now) then removed = removed + 1 end
      redis.call('DEL', base .. id)
      ${announce}
    end
    redis.call('ZREM', KEYS[1], id)
  end
end
return removed`,
}

/** Makes the scripts ready to run. */
export function redisScripts(): RedisScripts {
  const ready = Object.entries(texts).map(([name, text]) => [name, scriptOf(text)])
  return Object.fromEntries(ready) as RedisScripts
}

/** The digest is computed at the first use; what is kept is no promise, which Workers tie to one request. */
function scriptOf(text: string): RedisScript {
  let digest: string | null = null
  return {
    text,
    get digest() {
      return digest
    },
    makeDigest: async () => (digest = await sha1(text)),
  }
}

/** Not for security: Redis names scripts so. */
async function sha1(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
