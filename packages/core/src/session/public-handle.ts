import type { SessionRecord } from './record.ts'

/**
 * What names a session in its user's list, over rotations. Records of before handles were kept are named by when they
 * began; two of one user that began and were signed in within the same milliseconds have one name, and end together.
 */
export function handleOf({ auth, authenticatedAt, createdAt }: SessionRecord): string {
  return auth?.handle ?? `${createdAt.toString(36)}-${(authenticatedAt ?? 0).toString(36)}`
}
