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
const slack = 60_000

// `now` is the store's clock, not the server's: all of core goes by one clock. Nothing is written to a key that is
// not in KEYS or derived from one there, so a client's own key prefix holds for all of them.

/** Puts a session into a user's index, drops those that ended long ago, and lets the index live as long as its last session. */
const indexAdd = `
local function indexAdd(key, id, expiresAt, now)
  redis.call('ZADD', key, 'GT', expiresAt, id)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - ${slack})
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
  if last then redis.call('PEXPIREAT', key, string.format('%.0f', last + ${slack})) end
end`

/** The fields of a record; those that it lacks are false. */
const load = `
local function load(key)
  return unpack(redis.call('HMGET', key, 'version', 'expiresAt', 'userId', 'write'))
end`

const put = `
local function put(key, write, expiresAt, version, payload, userId)
  redis.call('HSET', key, 'payload', payload, 'expiresAt', expiresAt, 'version', version, 'write', write)
  if userId then redis.call('HSET', key, 'userId', userId) else redis.call('HDEL', key, 'userId') end
  redis.call('PEXPIREAT', key, string.format('%.0f', math.ceil(expiresAt) + ${slack}))
end`

/** Tells of a record that is gone, or that is nobody's, to those who wait for the end of a session; '' is no channel. */
const announce = `
local function announce(channel, id)
  if channel ~= '' then redis.call('PUBLISH', channel, id) end
end`

const texts = {
  /**
   * KEYS: session, and where it is to be in step the next user's index. ARGV: now, expected version or '' for any,
   * id, 'together' or 'apart', channel, and unless the record is to go: the name of this write, expiresAt, version,
   * payload, and the user if there is one. Gives 1, or 0 when the version is another.
   *
   * ioredis and Upstash's client send a command again when its answer was lost. By its name the write is known to
   * have been done, so that it is not taken for a lost race, replayed, and counted twice.
   */
  write: `${indexAdd}${load}${put}${announce}
local now, expected, id, index, channel, write, expiresAt, version, payload, userId = unpack(ARGV)
local stored, storedUntil, owner, lastWrite = load(KEYS[1])
if write and write == lastWrite then return 1 end
local live = stored and tonumber(storedUntil) > tonumber(now)
if expected ~= '' and expected ~= (live and stored or '0') then return 0 end
if write then put(KEYS[1], write, expiresAt, version, payload, userId) else redis.call('DEL', KEYS[1]) end
if index == 'together' then
  if owner and owner ~= userId then
    redis.call('ZREM', KEYS[1]:sub(1, -#id - 1) .. 'user' .. owner, id)
  end
  if userId then indexAdd(KEYS[2], id, expiresAt, now) end
end
if stored and not userId then announce(channel, id) end
return 1`,

  /** KEYS: a user's index. ARGV: now, id, expiresAt. */
  index: `${indexAdd}
indexAdd(KEYS[1], ARGV[2], ARGV[3], ARGV[1])
return 1`,

  /** KEYS: a user's index. ARGV: ids that are gone. Gives the ids that are left. */
  list: `
for _, id in ipairs(ARGV) do redis.call('ZREM', KEYS[1], id) end
return redis.call('ZRANGE', KEYS[1], 0, -1)`,

  /** KEYS: session. ARGV: now, user, id, channel. Gives 2 when a live record of the user was removed, 1 when nothing is left, 0 when it is another's. */
  revoke: `${load}${announce}
local stored, storedUntil, owner = load(KEYS[1])
if stored and owner ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
if stored then announce(ARGV[4], ARGV[3]) end
return stored and tonumber(storedUntil) > tonumber(ARGV[1]) and 2 or 1`,

  /** KEYS: a user's index. ARGV: now, user, the id to keep or '', channel. Gives how many live records were removed. */
  revokeAll: `${load}${announce}
local now, user, except, channel = unpack(ARGV)
local base = KEYS[1]:sub(1, -#('user' .. user) - 1)
local removed = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if id ~= except then
    local stored, storedUntil, owner = load(base .. id)
    if stored and owner == user then
      if tonumber(storedUntil) > tonumber(now) then removed = removed + 1 end
      redis.call('DEL', base .. id)
      announce(channel, id)
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
