// The list of what is measured: a new subject is one entry in the file of its host.
import { expressSubjects } from './express.ts'
import { fastifySubjects } from './fastify.ts'
import { fetchSubjects } from './fetch.ts'
import { h3Subjects } from './h3.ts'
import { honoSubjects } from './hono.ts'
import { nodeSubjects } from './node.ts'
import { redisSubjects } from './redis.ts'
import type { Subject } from './subject.ts'

/** Over memory, or with the data in the cookie. */
export const localSubjects: readonly Subject[] = [
  ...honoSubjects,
  ...expressSubjects,
  ...nodeSubjects,
  ...fetchSubjects,
  ...fastifySubjects,
  ...h3Subjects,
]

/** Over Redis. */
export { redisSubjects }
