/**
 * Many small maps in place of a big one, which makes everybody wait when it grows: all that it has moves at once.
 *
 * @returns Tells the map that a key belongs to.
 */
export function createShards<Key extends string, Value>(): (key: Key) => Map<Key, Value> {
  const shards: Map<Key, Value>[] = []
  return (key) => {
    let hash = 0
    // Half of the characters tells most keys apart; where it does not, a map is bigger and nothing wrong.
    for (let at = key.length - 1; at >= 0; at -= 2) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0
    return (shards[(hash ^ (hash >>> 8)) & 255] ??= new Map())
  }
}
