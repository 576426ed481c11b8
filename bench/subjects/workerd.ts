import { fetchSubjects } from './fetch.ts'
import { honoSubjects } from './hono.ts'
import type { Subject } from './subject.ts'

/** What runs at the edge as well. */
export const workerSubjects: readonly Subject[] = [...honoSubjects, ...fetchSubjects]
