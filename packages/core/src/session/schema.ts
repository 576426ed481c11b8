import type { StandardSchemaV1 } from '@standard-schema/spec'
import { SessionError } from '../errors.ts'
import { toJsonText } from './json.ts'
import type { Maybe } from '../steps.ts'
import type { Values } from './values.ts'

/** Brings data of an older form into today's, or returns null to give the session up. */
export type Migrate<Data> = (old: unknown) => Data | null | Promise<Data | null>

/** Data that fit the schema; `migrated` when they had to be brought into its form. */
export interface FittingData {
  readonly values: Values
  readonly migrated: boolean
}

/** Holds the data of sessions to a Standard Schema: what is loaded and what is written. */
export interface DataGuard {
  /** The data as the schema returns them, or null when they do not fit and cannot be migrated. */
  read(values: Values): Maybe<FittingData | null>
  /** Throws `ERR_SESSION_DATA` for data that could not be loaded again. */
  check(values: Values): Maybe<void>
}

/** A guard for the schema; without one, all data fit. */
export function createDataGuard<Data extends object>(
  schema: StandardSchemaV1<unknown, Data> | undefined,
  migrate: Migrate<Data> | undefined,
): DataGuard {
  if (schema === undefined) {
    return { read: (values) => ({ values, migrated: false }), check() {} }
  }
  const validate = async (data: unknown): Promise<StandardSchemaV1.Result<Data>> =>
    schema['~standard'].validate(data)
  return {
    async read(values) {
      // A validator may fill in defaults in place.
      const data = { ...values }
      const result = await validate(data)
      if (!result.issues) return { values: valuesOf(result.value), migrated: false }
      const moved = migrate === undefined ? null : await migrate(data)
      if (moved === null) return null
      const retried = await validate(moved)
      return retried.issues ? null : { values: valuesOf(retried.value), migrated: true }
    },
    async check(values) {
      const { issues } = await validate({ ...values })
      if (issues) {
        throw new SessionError(
          'ERR_SESSION_DATA',
          `The session's data do not fit its schema: ${describe(issues)}.`,
        )
      }
    },
  }
}

/** A copy of each value: the default of a schema may be one object for all sessions. */
function valuesOf(data: object): Values {
  const present = Object.entries(data).filter(([, value]) => value !== undefined)
  return Object.fromEntries(present.map(([key, value]) => [key, JSON.parse(toJsonText(key, value))]))
}

function describe(issues: readonly StandardSchemaV1.Issue[]): string {
  return issues.map((issue) => `${pathOf(issue)}: ${issue.message}`).join('; ')
}

function pathOf({ path = [] }: StandardSchemaV1.Issue): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.') || 'data'
}
